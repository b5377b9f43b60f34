import { type Plan, type PlannedNode, type Source } from '../../graph';
import { type Appearance, Sampler, type TransferSettings } from '../pipeline/sampler';
import { type Demand, noDemand, type Trajectory } from '../pipeline/trajectory';
import { adainRange, guidanceSettings, segmentStep, swapSettings } from './settings';
import { type InversionValue } from './values';

/** Adds what one reader needs to what others need. */
export function mergeDemand(into: Map<Trajectory, Demand>, from: Map<Trajectory, Demand>): void {
  for (const [trajectory, demand] of from) {
    const merged = into.get(trajectory) ?? noDemand();
    merged.until = Math.max(merged.until, demand.until);
    for (const step of demand.keyValueSteps) merged.keyValueSteps.add(step);
    for (const step of demand.probeSteps) merged.probeSteps.add(step);
    for (const step of demand.originalSteps) merged.originalSteps.add(step);
    into.set(trajectory, merged);
  }
}

/**
 * What all nodes of a plan will read of each inversion, known before anything is computed: the denoise nodes' latents, keys and
 * values, and the segment nodes' attention. So a cold run computes the reference passes once and side by side.
 */
export function planDemands(
  plan: Plan,
  inversion: (node: string) => InversionValue,
  complete: boolean,
): Map<Trajectory, Demand> {
  const demands = new Map<Trajectory, Demand>();
  const nodes = new Map(plan.nodes.map((node) => [node.id, node]));
  for (const node of plan.nodes) {
    if (node.type === 'segment') {
      const source = node.inputs['inversion']?.[0];
      if (!source) continue;
      const { trajectory, schedule } = inversion(source.node);
      const step = segmentStep(node.params, schedule.steps, trajectory.length);
      mergeDemand(demands, new Map([[trajectory, { ...noDemand(), until: step, probeSteps: new Set([step]) }]]));
    }
    if (node.type === 'denoise') {
      const settings = settingsAlong(nodes, node, inversion);
      if (settings) mergeDemand(demands, new Sampler(settings).demands(0, complete));
    }
  }
  return demands;
}

/** Follows a denoise node's wire back to its attention swap and gathers the settings on the way; masks change no demand. */
function settingsAlong(
  nodes: Map<string, PlannedNode>,
  denoise: PlannedNode,
  inversion: (node: string) => InversionValue,
): TransferSettings | undefined {
  let adain: TransferSettings['adain'];
  let guidance = { scale: 1, endScale: 1 };
  let at = nodes.get(denoise.inputs['transfer']?.[0]?.node ?? '');
  while (at && at.type !== 'attention-swap') {
    if (at.type === 'adain') adain = { range: adainRange(at.params), appearanceMasks: [], maskDigests: [] };
    if (at.type === 'guidance') guidance = guidanceSettings(at.params);
    at = nodes.get(at.inputs['transfer']?.[0]?.node ?? '');
  }
  const structure = at?.inputs['structure']?.[0];
  const [first, ...others] = at?.inputs['appearance'] ?? [];
  if (!at || !structure || !first) return undefined;
  const look = ({ node }: Source): Appearance => ({ trajectory: inversion(node).trajectory });
  return {
    structure: inversion(structure.node).trajectory,
    appearances: [look(first), ...others.map(look)],
    swap: at.muted ? undefined : swapSettings(at.params),
    adain,
    guidance,
  };
}
