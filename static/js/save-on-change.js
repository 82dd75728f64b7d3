// A form with data-save-on-change is sent as soon as something in it is ticked or chosen; the answer's main part
// takes the place of this one. Without this, or when the network fails, its button sends it.
const FORM = "form[data-save-on-change]";
const KEYS = { checkbox: "checked", "select-one": "value" }; // where an input keeps its state

export function bindSaving(root) {
  const waiting = new Map(); // what was ticked while an answer was on its way: id -> state
  let isBusy = false;

  root.addEventListener("change", (event) => {
    const box = event.target;
    if (!box.closest(FORM) || !KEYS[box.type]) return;
    if (isBusy) waiting.set(box.id, box[KEYS[box.type]]);
    else save(box.form, box.id);
  });

  async function save(form, focus) {
    isBusy = true;
    form.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(form.action, { method: "POST", body: new FormData(form) });
      const type = answer.headers.get("Content-Type") ?? "";
      if (!type.startsWith("text/html")) throw new TypeError(type);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.querySelector("main");
      if (!fresh?.querySelector(FORM)) throw new TypeError("no form in the answer");
      const last = root.activeElement?.id || focus;
      root.querySelector("main").replaceWith(root.adoptNode(fresh));
      root.getElementById(last)?.focus({ preventScroll: true });
    } catch {
      form.submit(); // the whole page tells what is wrong
      return;
    }
    isBusy = false;
    catchUp();
  }

  function catchUp() {
    let form = null;
    for (const [id, state] of waiting) {
      const box = root.getElementById(id);
      if (box && box[KEYS[box.type]] !== state) {
        box[KEYS[box.type]] = state;
        form = box.form;
      }
    }
    waiting.clear();
    if (form) save(form, root.activeElement?.id);
  }
}
