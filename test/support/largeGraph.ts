/** Rows of a chain (image, inversion, mask, swap, guidance, denoising) with wires across. */
export function largeGraph(nodeCount = 300, wireCount = 400): string {
  const nodes: Record<
    string,
    { type: string; inputs?: Record<string, string | string[]>; params?: Record<string, unknown> }
  > = {};
  const layout: Record<string, [number, number]> = {};
  const types = ['image', 'invert', 'segment', 'attention-swap', 'guidance', 'denoise'];
  const pictures = ['giraffe', 'zebra', 'cow', 'dog', 'fish', 'cake'];
  let wires = 0;
  for (let i = 0; i < nodeCount; i++) {
    const row = Math.floor(i / types.length);
    const column = i % types.length;
    const type = types[column] ?? 'image';
    const id = `${type}-${row}`;
    nodes[id] = { type };
    layout[id] = [(Math.floor(row / 10) * types.length + column) * 340, (row % 10) * 460];
    const inputs: Record<string, string | string[]> = {};
    if (type === 'image') nodes[id].params = { path: `images/${pictures[row % pictures.length] ?? 'cow'}.png` };
    if (type === 'invert') inputs['image'] = `image-${row}.image`;
    if (type === 'segment') inputs['inversion'] = `invert-${row}.inversion`;
    if (type === 'attention-swap') inputs['structure'] = `invert-${row}.inversion`;
    if (type === 'guidance') inputs['transfer'] = `attention-swap-${row}.transfer`;
    if (type === 'denoise') inputs['transfer'] = `guidance-${row}.transfer`;
    wires += Object.keys(inputs).length;
    if (Object.keys(inputs).length > 0) nodes[id].inputs = inputs;
  }
  const rows = Math.floor(nodeCount / types.length);
  for (let k = 0; wires < wireCount; k++) {
    const swap = nodes[`attention-swap-${k % rows}`];
    if (!swap?.inputs) continue;
    const list = (swap.inputs['appearance'] ??= []);
    if (Array.isArray(list)) list.push(`invert-${(k * 7 + Math.floor(k / rows) + 1) % rows}.inversion`);
    wires += 1;
  }
  return `${JSON.stringify({ weft: 1, nodes, layout }, null, 2)}\n`;
}
