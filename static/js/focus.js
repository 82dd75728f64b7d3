// data-focus: takes the focus when the page opens, so that errors are read first.
export function bindFocus(root) {
  root.querySelector("[data-focus]")?.focus();
}
