import sharp from 'sharp';

const SIDE = 128;
const GAP = 4;
const BETWEEN = 20;

/** Rows of four 128² pictures (structure, appearance, result, truth), three of them beside each other, on white. */
export async function contactSheet(rows: Uint8Array[][], file: string, columns = 3): Promise<void> {
  const rowWidth = 4 * SIDE + 3 * GAP;
  const width = columns * rowWidth + (columns - 1) * BETWEEN;
  const lines = Math.ceil(rows.length / columns);
  const height = lines * SIDE + (lines - 1) * GAP;
  const composites = rows.flatMap((pictures, index) =>
    pictures.map((data, column) => ({
      input: Buffer.from(data),
      raw: { width: SIDE, height: SIDE, channels: 3 as const },
      left: (index % columns) * (rowWidth + BETWEEN) + column * (SIDE + GAP),
      top: Math.floor(index / columns) * (SIDE + GAP),
    })),
  );
  await sharp({ create: { width, height, channels: 3, background: '#ffffff' } })
    .composite(composites)
    .png({ palette: true, quality: 90 })
    .toFile(file);
}
