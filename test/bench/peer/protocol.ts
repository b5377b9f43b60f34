/** What the bench and the two programs it compares say to each other: JSON lines, a request and an answer each. */

/** The method's settings, as both programs read them. */
export interface PeerSettings {
  steps: number;
  skip: number;
  inversionGuidance: number;
  guidance: number;
  guidanceEnd: number;
  highRange: [number, number];
  lowRange: [number, number];
  structureEvery: number;
  structureUntil: number;
  adainRange: [number, number];
  freeu: boolean;
  masked: boolean;
  latentSize: number;
  /** Position of the noun among the prompt's tokens. */
  nounToken: number;
}

/** The paper's settings (docs/engine.md), at another number of steps; swap guidance falls to its half, but not below 1. */
export function paperSettings(steps: number, skip: number, guidance = 3.5): PeerSettings {
  return {
    steps,
    skip,
    inversionGuidance: 3.5,
    guidance,
    guidanceEnd: Math.max(1, guidance / 2),
    highRange: [10, 90],
    lowRange: [10, 70],
    structureEvery: 5,
    structureUntil: 40,
    adainRange: [20, 100],
    freeu: true,
    masked: true,
    latentSize: 0,
    nounToken: 0,
  };
}

export interface Answer {
  seconds: number;
  /** Processor seconds of the whole process, all its threads. */
  cpu: number;
  rows?: { encoder: number; decoder: number };
  /** Seconds until the first picture of a step was sent. */
  firstSight?: number;
  total?: number;
  decoder?: number;
  settings?: PeerSettings;
}
