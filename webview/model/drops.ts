/** How VS Code's Explorer and others name dragged files. */
const URI_TYPES = ['application/vnd.code.uri-list', 'text/uri-list', 'resourceurls'];

/** An image of the shelf that is dragged: its path in the graph. */
export const IMAGE_TYPE = 'application/vnd.weft.image';

export function hasUris(data: DataTransfer): boolean {
  return [...URI_TYPES, IMAGE_TYPE, 'text/plain'].some((type) => data.types.includes(type));
}

/** The dropped files as URIs, in the order of the drop, each once. */
export function droppedUris(data: DataTransfer): string[] {
  for (const type of URI_TYPES) {
    const uris = parseUriList(data.getData(type));
    if (uris.length > 0) return uris;
  }
  return parseUriList(data.getData('text/plain')).filter((line) => /^[a-z][a-z0-9+.-]*:\/\//i.test(line));
}

/** A `text/uri-list` (a line each, `#` begins a comment) or a JSON array of URIs. */
export function parseUriList(text: string): string[] {
  if (text.trim() === '') return [];
  let lines: unknown[] = text.split(/\r?\n/);
  if (text.trimStart().startsWith('[')) {
    try {
      const parsed: unknown = JSON.parse(text);
      if (Array.isArray(parsed)) lines = parsed;
    } catch {
      // Not JSON after all: lines it is.
    }
  }
  const uris = lines.filter(
    (line): line is string => typeof line === 'string' && line.trim() !== '' && !line.startsWith('#'),
  );
  return [...new Set(uris.map((line) => line.trim()))];
}
