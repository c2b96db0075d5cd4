/**
 * Pictures that are chosen, dropped anywhere on the page, or pasted.
 * @param open takes each
 */
export function receivePictures(chooser: HTMLInputElement, open: (file: File) => void): void {
  const take = (files: Iterable<File> | undefined | null) => {
    const picture = [...(files ?? [])].find(({ type }) => type.startsWith("image/"));
    if (picture) open(picture);
  };
  chooser.addEventListener("change", () => {
    take(chooser.files);
    // The same file can be chosen again.
    chooser.value = "";
  });
  document.addEventListener("paste", (event) => take(event.clipboardData?.files));

  const { classList } = document.body;
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    classList.add("dropping");
  });
  document.addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) classList.remove("dropping");
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    classList.remove("dropping");
    take(event.dataTransfer?.files);
  });
}
