/** The published JSON Schema: the document's shape from zod, each type of node from the catalogue. */
import { z } from 'zod';
import { catalogue, nodeTypes } from './catalogue';
import { type NodeSpec, type ParamSpec } from './catalogue/types';
import { MOST_PINS, pinEndKeys } from './pins';
import { graphDocumentSchema, graphNodeSchema, NODE_ID } from './schema';

type Json = Record<string, unknown>;

/** JSON Schema (draft 7, which editors know best) of graph files. */
export function graphJsonSchema(): Json {
  const base = z.toJSONSchema(graphDocumentSchema, { target: 'draft-7' }) as Json & {
    properties: Record<string, Json>;
  };
  const node = z.toJSONSchema(graphNodeSchema, { target: 'draft-7' }) as Json & { properties: Record<string, Json> };
  delete node['$schema'];
  const { nodes, ...properties } = base.properties;
  return {
    $schema: base['$schema'],
    title: 'Weft graph',
    description: 'A graph of Weft: appearance transfer by cross-image attention.',
    type: 'object',
    required: base['required'],
    properties: {
      weft: properties['weft'],
      nodes: {
        type: 'object',
        description: nodes?.['description'],
        propertyNames: { pattern: NODE_ID.source },
        additionalProperties: { $ref: '#/definitions/node' },
      },
      frames: properties['frames'],
      layout: properties['layout'],
    },
    // An editor that knows only this schema should still let through what a later version wrote.
    additionalProperties: true,
    definitions: {
      node: {
        ...node,
        properties: {
          ...node.properties,
          // Known types are offered, others allowed.
          type: {
            description: node.properties['type']?.['description'],
            anyOf: [
              ...nodeTypes.map((type) => ({ const: type, description: catalogue[type].help })),
              { type: 'string' },
            ],
          },
        },
        allOf: nodeTypes.map((type) => ({
          if: { properties: { type: { const: type } }, required: ['type'] },
          then: nodeSchema(catalogue[type]),
        })),
      },
    },
  };
}

function nodeSchema(spec: NodeSpec): Json {
  const properties: Json = {};
  const required = spec.params.filter((param) => param.required && param.unless === undefined).map(({ name }) => name);
  properties['params'] = {
    type: 'object',
    properties: Object.fromEntries(spec.params.map((param) => [param.name, paramSchema(param)])),
    ...(required.length > 0 ? { required } : {}),
  };
  properties['inputs'] = {
    type: 'object',
    properties: Object.fromEntries(
      spec.inputs.map((input) => {
        const wire = { type: 'string', pattern: '^[a-z][a-z0-9-]*\\.[A-Za-z][A-Za-z0-9]*$' };
        return [
          input.name,
          {
            description: `${input.help} (${input.types.join(' or ')}${input.optional ? ', optional' : ''})`,
            ...(input.list ? { anyOf: [wire, { type: 'array', items: wire }] } : wire),
          },
        ];
      }),
    ),
    additionalProperties: false,
  };
  if (spec.mute === 'never') properties['muted'] = { const: false, description: 'This type of node can not be muted.' };
  return { description: spec.help, properties };
}

function paramSchema(param: ParamSpec): Json {
  const note = param.defaultNote === undefined ? '' : ` Default: ${param.defaultNote}.`;
  const common: Json = { description: param.help + note };
  if (param.default !== undefined) common['default'] = param.default;
  switch (param.kind) {
    case 'number':
    case 'integer':
      return { ...common, type: param.kind, minimum: param.min, maximum: param.max };
    case 'range': {
      const end = { type: 'number', minimum: param.min, maximum: param.max };
      return { ...common, type: 'array', items: end, minItems: 2, maxItems: 2 };
    }
    case 'boolean':
      return { ...common, type: 'boolean' };
    case 'choice':
      return { ...common, enum: param.options.map(({ value }) => value) };
    case 'pins': {
      const unit = { type: 'number', minimum: 0, maximum: 1 };
      const end = (description: string): Json => ({
        description,
        type: 'object',
        properties: { x: unit, y: unit, radius: { type: 'number', exclusiveMinimum: 0, maximum: 1 } },
        required: pinEndKeys,
        additionalProperties: false,
      });
      const properties = {
        to: end('The place in the structure: x and y in fractions of the image, the radius of its shorter side.'),
        from: end('The place in the appearance that gives the look.'),
        appearance: { description: 'Which of several appearances, from 1.', type: 'integer', minimum: 1 },
        muted: { description: 'The pin stays in the file and has no effect.', type: 'boolean' },
      };
      const pin = { type: 'object', properties, required: ['to', 'from'], additionalProperties: false };
      return { ...common, type: 'array', items: pin, maxItems: MOST_PINS };
    }
    case 'axis':
    case 'text':
    case 'path':
    case 'domain':
    case 'checkpoint':
      return { ...common, type: 'string', minLength: 1 };
  }
}

const muteWords: Record<NodeSpec['mute'], string> = {
  never: 'You cannot mute it.',
  'pass-through': 'When muted, it passes its input on.',
  reconstruct: "When muted, it returns the structure's reconstruction.",
  'no-mask': 'When muted, it counts as no mask.',
  skip: 'When muted, it does not run.',
};

/** The reference of all node types as Markdown. */
export function catalogueMarkdown(): string {
  const parts = nodeTypes.map((type) => {
    const spec = catalogue[type];
    const ports = [
      ...spec.inputs.map((input) => {
        const notes = [input.optional ? 'optional' : '', input.list ? 'list' : ''].filter((word) => word !== '');
        return [`→ \`${input.name}\``, input.types.join(' or '), notes.join(', '), input.help];
      }),
      ...spec.outputs.map((output) => [`\`${output.name}\` →`, output.type, '', output.help]),
    ];
    const params = spec.params.map((param) => [
      `\`${param.name}\``,
      param.kind,
      defaultWords(param),
      limits(param),
      param.help,
    ]);
    return [
      `## \`${type}\``,
      '',
      `**${spec.title}.** ${spec.help} ${muteWords[spec.mute]}`,
      '',
      ...table(['Port', 'Type', '', 'Meaning'], ports),
      ...(params.length > 0 ? ['', ...table(['Parameter', 'Kind', 'Default', 'Limits', 'Meaning'], params)] : []),
    ].join('\n');
  });
  const intro =
    'Reference of all node types with their ports and parameters, for everyone who builds or edits graphs. Ranges and `structureUntil` are in per cent ' +
    'of all steps. A checkpoint can have its own defaults, which replace the ones below.\n\n' +
    'This page is generated from the catalogue (`npm run generate`); do not edit it.';
  return `# Nodes\n\n${intro}\n\n${parts.join('\n\n')}\n`;
}

function defaultWords(param: ParamSpec): string {
  if (param.default !== undefined) return `\`${JSON.stringify(param.default)}\``;
  return param.defaultNote ?? (param.required ? 'required' : '');
}

function limits(param: ParamSpec): string {
  if (param.kind === 'choice') return param.options.map(({ value }) => `\`${value}\``).join(', ');
  if (param.kind === 'pins') return `at most ${MOST_PINS}`;
  if (!('min' in param)) return '';
  return `${param.min} to ${param.max}${param.unit === undefined ? '' : ` ${param.unit}`}`;
}

function table(head: string[], rows: string[][]): string[] {
  const line = (cells: string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)];
}
