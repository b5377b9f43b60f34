import { type Demand, noDemand, type Trajectory } from '../pipeline/trajectory';

/** Adds what one reader needs to what others need. */
export function mergeDemand(into: Map<Trajectory, Demand>, from: Map<Trajectory, Demand>): void {
  for (const [trajectory, demand] of from) {
    const merged = into.get(trajectory) ?? noDemand();
    merged.until = Math.max(merged.until, demand.until);
    for (const step of demand.keyValueSteps) merged.keyValueSteps.add(step);
    for (const step of demand.probeSteps) merged.probeSteps.add(step);
    for (const step of demand.predOriginalSteps) merged.predOriginalSteps.add(step);
    into.set(trajectory, merged);
  }
}
