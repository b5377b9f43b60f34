/** Numbers as people write them: digits, and a point. Not '', ' 1', '0x10' or '1e3', which Number would take as well. */

/** A whole number from 0 up, or undefined. */
export function wholeNumber(text: string): number | undefined {
  const value = /^\d+$/.test(text) ? Number(text) : NaN;
  return Number.isSafeInteger(value) ? value : undefined;
}

/** A number from 0 up, or undefined. */
export function plainNumber(text: string): number | undefined {
  return /^(\d+(\.\d*)?|\.\d+)$/.test(text) && Number.isFinite(Number(text)) ? Number(text) : undefined;
}

/** A time as people say it: "0.4 s", "12 s", "3 min 5 s". */
export function formatSeconds(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}
