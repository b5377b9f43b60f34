/** A shared library for x86-64 that has nothing but a dynamic section: what it needs, and where it says to look. */
export function sharedLibrary(
  needed: string[],
  more: { runPath?: string; rPath?: string; machine?: number } = {},
): Buffer {
  const BASE = 0x200000n;
  const strings: number[] = [0];
  const text = (value: string): bigint => {
    const at = strings.length;
    strings.push(...Buffer.from(`${value}\0`));
    return BigInt(at);
  };
  const entries: [tag: bigint, value: bigint][] = needed.map((name) => [1n, text(name)]);
  if (more.runPath !== undefined) entries.push([29n, text(more.runPath)]);
  if (more.rPath !== undefined) entries.push([15n, text(more.rPath)]);
  const dynamicAt = 64 + 2 * 56;
  const stringsAt = dynamicAt + (entries.length + 2) * 16;
  entries.push([5n, BASE + BigInt(stringsAt)], [0n, 0n]);
  const file = Buffer.alloc(stringsAt + strings.length);
  file.write('\x7fELF\x02\x01\x01', 0, 'latin1');
  file.writeUInt16LE(3, 16);
  file.writeUInt16LE(more.machine ?? 62, 18);
  file.writeBigUInt64LE(64n, 32);
  file.writeUInt16LE(56, 54);
  file.writeUInt16LE(2, 56);
  const segment = (at: number, type: number, offset: number, bytes: number): void => {
    file.writeUInt32LE(type, at);
    file.writeBigUInt64LE(BigInt(offset), at + 8);
    file.writeBigUInt64LE(BASE + BigInt(offset), at + 16);
    file.writeBigUInt64LE(BigInt(bytes), at + 32);
  };
  segment(64, 1, 0, file.length);
  segment(120, 2, dynamicAt, entries.length * 16);
  entries.forEach(([tag, value], i) => {
    file.writeBigInt64LE(tag, dynamicAt + 16 * i);
    file.writeBigUInt64LE(value, dynamicAt + 16 * i + 8);
  });
  Buffer.from(strings).copy(file, stringsAt);
  return file;
}
