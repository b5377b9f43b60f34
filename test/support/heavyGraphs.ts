/** Graph files of any size that are as costly to check as we could think of, by what makes them so. */

/** `make(index)` again and again until the parts are `size` characters long; at least one. */
function parts(size: number, make: (index: number) => string): string[] {
  const made: string[] = [];
  for (let length = 0, index = 0; length < size || index === 0; index++) {
    const part = make(index);
    made.push(part);
    length += part.length + 1;
  }
  return made;
}

const graph = (nodes: string): string => `{"weft":1,"nodes":{${nodes}}}`;
const nodesOf = (size: number, make: (index: number) => string): string => graph(parts(size, make).join(','));
const half = (size: number): number => Math.floor(size / 2);
const param = (value: string): string => graph(`"swap":{"type":"attention-swap","params":{"thing":${value}}}`);

export const heavyGraphs: Readonly<Record<string, (size: number) => string>> = {
  'a ring of adain nodes': (size) => {
    const count = Math.max(2, Math.floor(size / 64));
    const node = (index: number): string =>
      `"n${index}":{"type":"adain","inputs":{"transfer":"n${(index + 1) % count}.transfer"}}`;
    return graph(Array.from({ length: count }, (_, index) => node(index)).join(','));
  },
  'a chain of adain nodes': (size) =>
    nodesOf(size, (index) => `"n${index}":{"type":"adain","inputs":{"transfer":"n${index + 1}.transfer"}}`),
  'a muted chain': (size) =>
    nodesOf(
      size,
      (index) => `"n${index}":{"type":"guidance","muted":true,"inputs":{"transfer":"n${index + 1}.transfer"}}`,
    ),
  'many small rings': (size) =>
    nodesOf(size, (index) => `"n${index}":{"type":"adain","inputs":{"transfer":"n${index ^ 1}.transfer"}}`),
  'misspelt wires': (size) =>
    nodesOf(size, (index) => `"node-${index}":{"type":"adain","inputs":{"transfer":"nodw-${index}.transfer"}}`),
  'misspelt types, inputs and parameters': (size) =>
    nodesOf(
      size,
      (index) =>
        `"n${index}":{"type":"${index % 2 ? 'adian' : 'adain'}","inputs":{"trnsfer":"n1.image"},"params":{"rnge":1}}`,
    ),
  'one long id and a wire to one like it': (size) => {
    const id = 'a'.repeat(half(size) - 40);
    return graph(`"${id}":{"type":"adain","inputs":{"transfer":"${id}b.transfer"}}`);
  },
  'long ids and wires to ones like them': (size) =>
    nodesOf(
      size,
      (index) =>
        `"${'a'.repeat(400)}${index}":{"type":"adain","inputs":{"transfer":"${'a'.repeat(400)}b${index}.transfer"}}`,
    ),
  'a long id with many problems': (size) =>
    graph(
      `"${'a'.repeat(half(size))}":{"type":"adain","inputs":{${parts(half(size), (index) => `"p${index}":"x"`).join(',')}}}`,
    ),
  'brackets without end': (size) => param('['.repeat(size)),
  'objects without end': (size) => param('{"a":'.repeat(Math.floor(size / 5))),
  'wide arrays at the depth that is allowed': (size) =>
    param('['.repeat(90) + parts(size, () => '0').join(',') + ']'.repeat(90)),
  'wide objects at the depth that is allowed': (size) =>
    param('{"a":'.repeat(90) + `{${parts(size, (index) => `"${index}":0`).join(',')}}` + '}'.repeat(90)),
  'empty arrays': (size) => param(`[${parts(size, () => '[]').join(',')}]`),
  'a key again and again': (size) => param(`{${parts(size, () => '"a":0').join(',')}}`),
  'a key again and again below a long one': (size) =>
    param(`{"${'a'.repeat(half(size))}":{${parts(half(size), () => '"a":0').join(',')}}}`),
  'a node again and again': (size) => nodesOf(size, () => '"a":{"type":"adain"}'),
  'nodes that are none': (size) => nodesOf(size, (index) => `"n${index}":0`),
  'inputs that are none': (size) =>
    graph(`"a":{"type":"adain","inputs":{${parts(size, (index) => `"p${index}":0`).join(',')}}}`),
  'positions that are none': (size) =>
    `{"weft":1,"nodes":{},"layout":{${parts(size, (index) => `"n${index}":["a","b"]`).join(',')}}}`,
  'a position of many texts': (size) => `{"weft":1,"nodes":{},"layout":{"n":[${parts(size, () => '"a"').join(',')}]}}`,
  'frames that are none': (size) =>
    `{"weft":1,"nodes":{},"frames":{${parts(size, (index) => `"n${index}":{"rect":[]}`).join(',')}}}`,
  'a wire list of numbers': (size) =>
    graph(`"a":{"type":"attention-swap","inputs":{"appearance":[${parts(size, () => '0').join(',')}]}}`),
  'a list port of many wires': (size) => {
    const count = Math.floor(size / 150);
    const inversions = Array.from(
      { length: count },
      (_, index) => `"i${index}":{"type":"invert","inputs":{"image":"p.image","checkpoint":"c.checkpoint"}}`,
    );
    const wires = Array.from({ length: count }, (_, index) => `"i${index}.inversion"`);
    return graph(
      `"c":{"type":"checkpoint"},"p":{"type":"image","params":{"path":"a.png"}},${inversions.join(',')},"s":{"type":"attention-swap","inputs":{"structure":"i0.inversion","appearance":[${wires.join(',')}],"masks":[${wires.join(',')}]}}`,
    );
  },
  'a long FreeU chain under every inversion': (size) => {
    const count = Math.max(2, Math.floor(size / 230));
    const each = (make: (index: number) => string): string =>
      Array.from({ length: count }, (_, i) => make(i)).join(',');
    return graph(
      `${each((index) => `"f${index}":{"type":"freeu","inputs":{"checkpoint":"f${index + 1}.checkpoint"}}`)},"f${count}":{"type":"checkpoint"},` +
        `${each((index) => `"i${index}":{"type":"invert","inputs":{"image":"p.image","checkpoint":"f${index}.checkpoint"}}`)},` +
        `"s":{"type":"attention-swap","inputs":{"structure":"i0.inversion","appearance":[${each((index) => `"i${index}.inversion"`)}]}}`,
    );
  },
  'masks above a long transfer': (size) => {
    const count = Math.max(2, Math.floor(size / 110));
    return graph(
      `${Array.from({ length: count }, (_, index) => `"n${index}":{"type":"adain","inputs":{"transfer":"n${index + 1}.transfer","appearanceMask":["m.mask"]}}`).join(',')},"n${count}":{"type":"attention-swap"}`,
    );
  },
  'segments of one long prompt': (size) => {
    const words = 'word '.repeat(Math.floor(size / 10));
    return graph(
      `"p":{"type":"prompt","params":{"domain":"cow","text":"${words}"}},"i":{"type":"invert","inputs":{"prompt":"p.prompt"}},${parts(half(size), (index) => `"s${index}":{"type":"segment","inputs":{"inversion":"i.inversion"},"params":{"noun":"z"}}`).join(',')}`,
    );
  },
  'sweeps of full ranges': (size) =>
    nodesOf(
      size,
      (index) =>
        `"s${index}":{"type":"sweep","params":{"columns":"s.contrast=0:1:0.000${index % 7}6"}},"s":{"type":"attention-swap"}`,
    ),
  'sweeps of nodes that are not there': (size) =>
    nodesOf(size, (index) => `"sweep${index}":{"type":"sweep","params":{"columns":"swoop${index}.contrast=1"}}`),
  'a sweep of many values': (size) =>
    graph(`"s":{"type":"sweep","params":{"columns":"s.x=${parts(size, () => '1').join(',')}"}}`),
  'a sweep of many ranges': (size) =>
    graph(`"s":{"type":"sweep","params":{"columns":"s.x=${parts(size, () => '1:2000').join(',')}"}}`),
  'a sweep of open braces': (size) =>
    graph(`"s":{"type":"sweep","params":{"columns":"s.x=${parts(size, () => '{[a').join(',')}"}}`),
  'a long path': (size) => graph(`"p":{"type":"image","params":{"path":"${'.a/'.repeat(Math.floor(size / 3))}"}}`),
  'a long unknown type': (size) => graph(`"p":{"type":"${'-'.repeat(size)}x"}`),
  'saves to one file': (size) => nodesOf(size, (index) => `"s${index}":{"type":"save","params":{"path":"a/../b.png"}}`),
  'empty lines': (size) => graph('\n'.repeat(size)),
  'not JSON at all': (size) => 'a '.repeat(half(size)),
  'commas alone': (size) => `{"weft":1,"nodes":{${','.repeat(size)}`,
  'an open string': (size) => `{"weft":1,"nodes":{"${'a'.repeat(size)}`,
  'many open strings': (size) => `{"weft":1,"nodes":{${'"a\n'.repeat(Math.floor(size / 3))}`,
};
