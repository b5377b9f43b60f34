export interface ExcerptLine {
  key: string;
  /** Absent for the line that points. */
  number?: number;
  text: string;
}

const AROUND = 2;
const WIDTH = 110;

/** The lines around a place, with a caret under it. Line and column count from 1; long lines are cut around the place. */
export function excerpt(text: string, line: number, column: number): ExcerptLine[] {
  const lines = text.split(/\r\n|\n|\r/);
  const start = column > WIDTH - 20 ? column - Math.floor(WIDTH / 2) : 0;
  const shown: ExcerptLine[] = [];
  for (let number = Math.max(1, line - AROUND); number <= Math.min(lines.length, line + AROUND); number++) {
    const full = lines[number - 1] ?? '';
    const cut = full.slice(start, start + WIDTH).replaceAll('\t', ' ');
    shown.push({
      key: String(number),
      number,
      text: (start > 0 ? '…' : '') + cut + (full.length > start + WIDTH ? '…' : ''),
    });
    if (number === line) {
      const indent = Math.max(0, column - 1 - start) + (start > 0 ? 1 : 0);
      shown.push({ key: 'caret', text: `${' '.repeat(indent)}^` });
    }
  }
  return shown;
}
