// data-password around an input: a button that shows what was typed. Its words come from the page.
export function bindPasswords(root) {
  for (const frame of root.querySelectorAll("[data-password]")) {
    const input = frame.querySelector("input");
    const button = document.createElement("button");
    const show = (visible) => {
      input.type = visible ? "text" : "password";
      button.textContent = visible ? frame.dataset.hide : frame.dataset.show;
      button.setAttribute("aria-label", `${button.textContent}: ${input.labels[0]?.innerText ?? ""}`);
    };
    button.type = "button";
    button.className = "password-toggle";
    button.addEventListener("click", () => {
      show(input.type === "password");
      input.focus();
    });
    input.form?.addEventListener("submit", () => show(false));
    show(false);
    frame.append(button);
  }
}
