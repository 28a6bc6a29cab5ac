// Before the first paint: the system's colours where the person chose none, and the mark that scripts run.
(() => {
  const root = document.documentElement;
  root.classList.add("gk-script");
  if (root.dataset.theme !== "auto") return;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const apply = () => root.setAttribute("data-bs-theme", dark.matches ? "dark" : "light");
  dark.addEventListener("change", apply);
  apply();
})();
