// Buttons of the session's table. The rows come with the component's data when they are asked for: a file that the app offers would be gone with the
// next of the runs that renew the page twice a second.

export default function ({ data, parentElement, setTriggerValue }) {
  const [save, forget] = parentElement.querySelectorAll("button");
  save.onclick = () => setTriggerValue("asked", "save");
  forget.onclick = () => setTriggerValue("asked", "forget");
  if (!data.number || Number(save.dataset.saved ?? 0) >= data.number) return;
  save.dataset.saved = data.number;
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([data.rows], { type: "text/csv" }));
  link.download = data.name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}
