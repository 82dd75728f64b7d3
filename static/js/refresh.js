// data-refresh="15" on an element with an id: brings it up to date every 15 seconds, while it is seen.
export function bindRefresh(root) {
  for (const place of root.querySelectorAll("[data-refresh][id]")) {
    setInterval(() => refresh(place), Number(place.dataset.refresh) * 1000);
  }
}

async function refresh(place) {
  if (document.hidden || place.contains(document.activeElement)) return;
  try {
    const answer = await fetch(window.location.href, { headers: { Accept: "text/html" } });
    if (!answer.ok || answer.redirected) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById(place.id);
    if (fresh) place.replaceChildren(...fresh.childNodes);
  } catch {
    // the network is away; the next turn tries again
  }
}
