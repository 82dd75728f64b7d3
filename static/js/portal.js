// Everything works without this; each behaviour binds itself to its data- attribute.
import { bindMenus } from "./menu.js";
import { bindFocus } from "./focus.js";
import { bindPasswords } from "./password.js";
import { bindForms } from "./submit.js";

bindFocus(document);
bindMenus(document);
bindPasswords(document);
bindForms(document);
