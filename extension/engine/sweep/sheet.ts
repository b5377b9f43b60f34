/** The contact sheet of a sweep: cells in rows and columns with what varied beside them. */
import { type SweepSide } from '../../protocol/engine';
import { plainLine } from '../../protocol/foreignText';
import { centreCrop, cropRgb } from '../image/crop';
import { type RgbPicture } from '../image/png';
import { loadSharp } from '../image/sharp';

export interface SheetCell {
  row: number;
  column: number;
  /** Absent: not there (yet). */
  picture?: RgbPicture;
  /** Lines below the picture. */
  lines?: string[];
  /** Why there is no picture. */
  problem?: string;
}

const GAP = 8;
const MARGIN = 16;
const TEXT = 13;
const LINE = 17;
/** Width of a letter in proportion to its size, on average. */
const LETTER = 0.58;
const MOST_PIXELS = 8192;

/** Draws the sheet as RGB on white. Cells are shown at the size of the first picture, smaller when the sheet would grow too large. */
export async function drawSheet(
  columns: SweepSide,
  rows: SweepSide | undefined,
  cells: readonly SheetCell[],
): Promise<RgbPicture> {
  const sharp = await loadSharp();
  const rowCount = rows?.labels.length ?? 1;
  const native = cells.find(({ picture }) => picture)?.picture ?? { width: 128, height: 128 };
  const room = Math.min(MOST_PIXELS / (columns.labels.length * native.width), MOST_PIXELS / (rowCount * native.height));
  const scaled = (pixels: number): number => Math.max(24, Math.floor(pixels * Math.min(1, room)));
  const cellWidth = scaled(native.width);
  const cellHeight = scaled(native.height);
  const lines = Math.max(0, ...cells.map((cell) => cell.lines?.length ?? 0));
  const rowHeight = cellHeight + lines * LINE + GAP;
  const gutter = rows
    ? Math.min(260, Math.ceil(Math.max(...rows.labels.map((label) => label.length)) * TEXT * LETTER) + 2 * TEXT)
    : 0;
  const left = MARGIN + gutter + (rows ? LINE : 0);
  const top = MARGIN + 2 * LINE + 4;
  const width = left + columns.labels.length * (cellWidth + GAP) - GAP + MARGIN;
  const height = top + rowCount * rowHeight - GAP + MARGIN;
  const at = (cell: { row: number; column: number }): [x: number, y: number] => [
    left + cell.column * (cellWidth + GAP),
    top + cell.row * rowHeight,
  ];
  const words: string[] = [];
  const write = (text: string, x: number, y: number, room: number, style = '', size = TEXT): void => {
    words.push(`<text x="${x}" y="${y}" font-size="${size}" ${style}>${escape(fitting(text, room, size))}</text>`);
  };
  write(columns.title, left, MARGIN + TEXT, width - left - MARGIN, 'font-weight="600"');
  for (const [column, label] of columns.labels.entries())
    write(label, at({ row: 0, column })[0] + cellWidth / 2, top - 7, cellWidth, 'text-anchor="middle"');
  if (rows) {
    const middle = top + (rowCount * rowHeight) / 2;
    const [x, y] = [MARGIN + TEXT - 2, middle];
    write(
      rows.title,
      x,
      y,
      rowCount * rowHeight,
      `text-anchor="middle" font-weight="600" transform="rotate(-90 ${x} ${y})"`,
    );
    for (const [row, label] of rows.labels.entries())
      write(label, left - GAP, at({ row, column: 0 })[1] + cellHeight / 2 + TEXT / 3, gutter, 'text-anchor="end"');
  }
  const pictures = [];
  for (const cell of cells) {
    const [x, y] = at(cell);
    if (!cell.picture) {
      words.push(
        `<rect x="${x + 0.5}" y="${y + 0.5}" width="${cellWidth - 1}" height="${cellHeight - 1}" fill="#f3f3f3" stroke="#c8c8c8"/>`,
      );
      if (cell.problem) write(cell.problem, x + 8, y + cellHeight / 2, cellWidth - 16, 'fill="#a1260d"');
      continue;
    }
    const raw = { width: cellWidth, height: cellHeight, channels: 3 as const };
    // A picture of another shape than the first shows its middle.
    const crop = centreCrop(cell.picture, raw);
    const rgb = Buffer.from(cropRgb(cell.picture.rgb, cell.picture, crop));
    const own = { width: crop.width, height: crop.height, channels: 3 as const };
    const fits = own.width === cellWidth && own.height === cellHeight;
    const input = fits
      ? rgb
      : await sharp(rgb, { raw: own }).resize(cellWidth, cellHeight, { fit: 'fill' }).raw().toBuffer();
    pictures.push({ input, raw, left: x, top: y });
    for (const [line, text] of (cell.lines ?? []).entries())
      write(text, x, y + cellHeight + (line + 1) * LINE - 4, cellWidth, 'fill="#444"', TEXT - 2);
  }
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="DejaVu Sans, Segoe UI, Helvetica Neue, Arial, sans-serif" fill="#1f2328">${words.join('')}</svg>`;
  const rgb = await sharp({ create: { width, height, channels: 3, background: '#ffffff' } })
    .composite([{ input: Buffer.from(svg), left: 0, top: 0 }, ...pictures])
    .removeAlpha()
    .raw()
    .toBuffer();
  return { width, height, rgb: new Uint8Array(rgb) };
}

/** A text cut to the room it has, its end kept: names of files differ there. */
function fitting(text: string, room: number, size: number): string {
  const letters = Math.max(2, Math.floor(room / (size * LETTER)));
  return text.length <= letters ? text : `…${text.slice(text.length - letters + 1)}`;
}

/** A text for SVG. What XML does not take (controls, and two code points that are none) would make the whole sheet fail. */
const escape = (text: string): string =>
  plainLine(text)
    .replace(/[\ufffe\uffff]/g, '')
    .replace(/[&<>"]/g, (letter) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[letter]!);
