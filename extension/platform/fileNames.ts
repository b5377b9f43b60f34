/** Names of files that Weft chooses. */

/** Of the 255 bytes that file systems allow a name; the rest is for a counter and for what others append. */
const NAME_BYTES = 200;

/** The beginning of a text, at most `bytes` long in UTF-8; no character is cut in half, and no dot or space ends it (Windows drops those). */
export function cutToBytes(text: string, bytes: number): string {
  const { read } = new TextEncoder().encodeInto(text, new Uint8Array(Math.max(0, bytes)));
  return read === text.length ? text : text.slice(0, read).replace(/[. ]+$/, '');
}

/**
 * The name of a file that is made of others: their names with hyphens between them, then `suffix`. What is too long for a file's name is
 * cut, the longest parts first, so that each can still be recognised.
 */
export function joinedName(stems: readonly string[], suffix = ''): string {
  const size = (text: string): number => Buffer.byteLength(text);
  let room = NAME_BYTES - size(suffix) - (stems.length - 1);
  const shares = new Map<number, number>();
  // The shortest first: what a short one does not need is left to the others.
  const order = stems.map((_, index) => index).sort((a, b) => size(stems[a]!) - size(stems[b]!));
  order.forEach((index, done) => {
    const share = Math.min(size(stems[index]!), Math.floor(room / (stems.length - done)));
    shares.set(index, share);
    room -= share;
  });
  return stems.map((stem, index) => cutToBytes(stem, shares.get(index)!)).join('-') + suffix;
}

/** The first of `name.png`, `name-2.png`, `name-3.png` … (`suffix` is `.png`) that is not taken. */
export function freeName(stem: string, suffix: string, taken: (name: string) => boolean): string {
  for (let count = 1; ; count++) {
    const name = `${stem}${count === 1 ? '' : `-${count}`}${suffix}`;
    if (!taken(name)) return name;
  }
}

/** A name that every system takes, from one that some don't: `shot 12:30` is `shot 12_30`, `aux` is `aux_`. */
export function portableName(stem: string): string {
  // eslint-disable-next-line no-control-regex -- control characters are what is looked for
  const plain = stem.replace(/[\u0000-\u001f\u007f\\/:*?"<>|]/g, '_').replace(/[. ]+$/, '');
  return /^(con|prn|aux|nul|clock\$|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(\.|$)/i.test(plain) ? `${plain}_` : plain;
}
