// Says how old the page is, and refuses to stay green when nobody has vouched for it lately.
// The stamp is fetched again each half minute: newer news reload the page, so that a screen on a
// wall tells the truth. Time is the host's (its Date header): a wrong clock here must not lie.

const page = document.documentElement;
const staleAfter = Number(page.dataset.staleAfter);
const texts = [...document.querySelectorAll("[data-age]")];
const banner = document.querySelector("[data-banner]");
const MINUTE = 60_000;

let generatedAt = Date.parse(page.dataset.generatedAt);
let clockOffset = 0;

function show() {
  const minutes = Math.max(0, Math.floor((Date.now() + clockOffset - generatedAt) / MINUTE));
  const isStale = minutes >= staleAfter;
  page.toggleAttribute("data-stale-page", isStale);
  for (const element of texts) {
    const { now, one, many, stale } = element.dataset;
    const text = isStale ? stale : minutes === 0 ? now : minutes === 1 ? one : many;
    const written = text.replace("{n}", String(minutes));
    if (element.textContent !== written) element.textContent = written;
  }
  if (banner && isStale && banner.dataset.tone !== "unknown") {
    banner.dataset.tone = "unknown";
    banner.querySelector("[data-mark]").dataset.tone = "unknown";
    banner.querySelector("[data-headline]").textContent = banner.dataset.unknown;
  } else if (banner && !isStale && banner.dataset.tone === "unknown") {
    location.reload();
  }
}

async function ask() {
  try {
    const answer = await fetch(page.dataset.stamp, { cache: "no-store" });
    if (!answer.ok) return;
    const told = Date.parse(answer.headers.get("Date") ?? "");
    if (!Number.isNaN(told)) clockOffset = told - Date.now();
    const stamp = await answer.json();
    const stampedAt = Date.parse(stamp.generated_at);
    if (stamp.version !== page.dataset.version && stampedAt > generatedAt) location.reload();
    generatedAt = Math.max(generatedAt, stampedAt);
  } catch {
    // No network: the page grows old by itself.
  }
}

async function beat() {
  await ask();
  show();
}

show();
beat();
setInterval(beat, MINUTE / 2);
