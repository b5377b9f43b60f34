/** Options that match a query, best first: name begins with it, a word of the name does, the name has it, the rest has it. */
export function ranked<T extends { name: string; hint: string; detail?: string }>(
  query: string,
  options: readonly T[],
): T[] {
  const needle = query.trim().toLowerCase();
  if (needle === '') return [...options];
  return options
    .map((option, index) => ({ option, index, rank: rankOf(needle, option) }))
    .filter(({ rank }) => rank < 5)
    .sort((a, b) => a.rank - b.rank || a.index - b.index)
    .map(({ option }) => option);
}

function rankOf(needle: string, { name, hint, detail = '' }: { name: string; hint: string; detail?: string }): number {
  const lower = name.toLowerCase();
  if (lower.startsWith(needle)) return 0;
  if (lower.split(/[\s-]+/).some((word) => word.startsWith(needle))) return 1;
  if (lower.includes(needle)) return 2;
  if (hint.toLowerCase().includes(needle)) return 3;
  return detail.toLowerCase().includes(needle) ? 4 : 5;
}
