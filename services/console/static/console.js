// Conveniences; everything works without scripts. Copy buttons: `data-copy` names the field to copy.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const field = document.getElementById(button.dataset.copy);
  field.select();
  await navigator.clipboard.writeText(field.value);
  button.textContent = button.dataset.copied;
});

// Places: `data-line` and `data-column` put the cursor there in the text that the link leads to.
document.addEventListener("click", (event) => {
  const place = event.target.closest("a[data-line]");
  if (!place) return;
  event.preventDefault();
  const field = document.querySelector(place.hash);
  const lines = field.value.split("\n");
  const line = Math.min(Number(place.dataset.line), lines.length) - 1;
  const start = lines.slice(0, line).join("\n").length + (line ? 1 : 0);
  const column = Math.min(Number(place.dataset.column || 1) - 1, lines[line].length);
  field.focus();
  field.setSelectionRange(start + column, start + lines[line].length);
  field.scrollTop = (field.scrollHeight / lines.length) * Math.max(0, line - 3);
});
