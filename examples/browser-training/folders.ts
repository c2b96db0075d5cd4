/** An image file, by its place in the folder that was chosen or dropped. */
export interface FoundImage {
  readonly name: string;
  readonly image: Blob;
}

/** A folder with the images in it and below it. */
export interface Folder {
  readonly name: string;
  readonly images: readonly FoundImage[];
  readonly folders: readonly Folder[];
}

const IMAGE = /\.(png|jpe?g|webp|gif|avif|bmp)$/i;

const byName = (a: { readonly name: string }, b: { readonly name: string }): number =>
  a.name < b.name ? -1 : a.name > b.name ? 1 : 0;

/** The files of a folder that was chosen. */
export function chosenImages(files: Iterable<File>): FoundImage[] {
  return [...files]
    .map((file) => ({ name: file.webkitRelativePath.replace(/^[^/]*\//, "") || file.name, image: file }))
    .filter(({ name }) => isImage(name))
    .sort(byName);
}

/**
 * What was dropped: folders with all below them, and loose files as a folder without a name. Entries must be taken
 * before anything is awaited: afterwards the drop is over, and the list is empty.
 */
export function droppedFolders(transfer: DataTransfer): Promise<Folder[]> {
  const entries = [...transfer.items].flatMap((item) => item.webkitGetAsEntry() ?? []);
  return readAll(entries);
}

async function readAll(entries: readonly FileSystemEntry[]): Promise<Folder[]> {
  const folders = await Promise.all(entries.filter(isFolder).map((entry) => readFolder(entry)));
  const loose = await readFiles(entries);
  return loose.length > 0
    ? [...folders.sort(byName), { name: "", images: loose, folders: [] }]
    : folders.sort(byName);
}

/** Images of a folder are those below it, too; names say where. */
async function readFolder(folder: FileSystemDirectoryEntry): Promise<Folder> {
  const entries = await children(folder);
  const folders = await Promise.all(entries.filter(isFolder).map(readFolder));
  const below = folders.flatMap(({ name, images }) =>
    images.map((found) => ({ ...found, name: `${name}/${found.name}` })),
  );
  const images = [...(await readFiles(entries)), ...below].sort(byName);
  return { name: folder.name, images, folders: folders.sort(byName) };
}

/** All entries of a folder: a reader gives at most a hundred at once. */
async function children(folder: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = folder.createReader();
  const all: FileSystemEntry[] = [];
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) =>
      reader.readEntries(resolve, reject),
    );
    if (some.length === 0) return all;
    all.push(...some);
  }
}

async function readFiles(entries: readonly FileSystemEntry[]): Promise<FoundImage[]> {
  const files = entries.filter(isFile).filter(({ name }) => isImage(name));
  return Promise.all(
    files.map(async (entry) => ({
      name: entry.name,
      image: await new Promise<File>((resolve, reject) => entry.file(resolve, reject)),
    })),
  );
}

const isImage = (name: string): boolean => IMAGE.test(name) && !/(^|\/)\./.test(name);
const isFolder = (entry: FileSystemEntry): entry is FileSystemDirectoryEntry => entry.isDirectory;
const isFile = (entry: FileSystemEntry): entry is FileSystemFileEntry => entry.isFile;
