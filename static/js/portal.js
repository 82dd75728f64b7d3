// Everything works without this; each behaviour binds itself to its data- attribute.
import { bindMenus } from "./menu.js";
import { bindFocus } from "./focus.js";
import { bindPasswords } from "./password.js";
import { bindForms } from "./submit.js";
import { bindSaving } from "./save-on-change.js";
import { bindRefresh } from "./refresh.js";

bindFocus(document);
bindMenus(document);
bindPasswords(document);
bindForms(document);
bindSaving(document);
bindRefresh(document);
