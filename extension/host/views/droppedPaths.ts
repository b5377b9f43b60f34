/** Addresses of a dropped `text/uri-list`, one a line; lines that begin with # are remarks (RFC 2483). */
export function uriList(text: string): string[] {
  return text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
}
