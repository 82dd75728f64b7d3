// data-menu on <details>: closes on Escape, on a click elsewhere and when the focus leaves.
export function bindMenus(root) {
  const menus = [...root.querySelectorAll("details[data-menu]")];
  const close = (menu, { focus = false } = {}) => {
    if (!menu.open) return;
    menu.open = false;
    if (focus) menu.querySelector("summary").focus();
  };
  for (const menu of menus) {
    menu.addEventListener("keydown", (event) => {
      if (event.key === "Escape") close(menu, { focus: true });
    });
    menu.addEventListener("focusout", (event) => {
      if (event.relatedTarget && !menu.contains(event.relatedTarget)) close(menu);
    });
  }
  root.addEventListener("click", (event) => {
    for (const menu of menus) if (!menu.contains(event.target)) close(menu);
  });
}
