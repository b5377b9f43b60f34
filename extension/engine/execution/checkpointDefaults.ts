import { type NodeType } from '../../graph';

/** How a checkpoint's manifest names the parameters it has its own defaults for. */
const places: Record<string, [NodeType, string]> = {
  steps: ['schedule', 'steps'],
  skip: ['schedule', 'skip'],
  inversionGuidance: ['invert', 'guidanceScale'],
  contrast: ['attention-swap', 'contrast'],
  swapHighRange: ['attention-swap', 'higherRange'],
  swapLowRange: ['attention-swap', 'lowerRange'],
  structureEvery: ['attention-swap', 'structureEvery'],
  structureUntil: ['attention-swap', 'structureUntil'],
  adainRange: ['adain', 'range'],
  swapGuidance: ['guidance', 'scale'],
  swapGuidanceEnd: ['guidance', 'endScale'],
};

/**
 * A manifest's defaults by type of node. An unwired prompt gets the checkpoint's first domain; FreeU is on for a checkpoint unless
 * its manifest says `"freeu": false`, which decides how new graphs are wired, not how they run.
 */
export function checkpointDefaults(
  defaults: Record<string, unknown>,
  domains: { noun: string }[] = [],
  promptTemplate?: string,
): Partial<Record<NodeType, Record<string, unknown>>> {
  const byType: Partial<Record<NodeType, Record<string, unknown>>> = {};
  for (const [name, value] of Object.entries(defaults)) {
    const place = places[name];
    if (place) (byType[place[0]] ??= {})[place[1]] = value;
  }
  const prompt: Record<string, unknown> = {};
  if (domains[0]) prompt['domain'] = domains[0].noun;
  if (promptTemplate) prompt['text'] = promptTemplate;
  byType.prompt = prompt;
  return byType;
}
