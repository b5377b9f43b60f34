/** What the process that tries a provider answers: numbers, or what onnxruntime said. */
export type ProbeAnswer =
  | {
      /** Best of a few runs of the probe graph, on the provider and on the processor of the same machine. */
      milliseconds: number;
      cpuMilliseconds: number;
      /** Largest difference from the processor's numbers, relative to the largest of them. */
      difference: number;
      /** The same of attention over so many tokens, in the form that a UNet has it in on this provider. */
      attention: { tokens: number; fused: boolean; difference: number };
      /** Nodes of the probe graph by the provider that ran them. */
      nodes: Record<string, number>;
    }
  | { error: string };

/** What became of one trial: the answer, or how the process ended without one; and what it wrote to stderr. */
export interface Trial {
  answer?: ProbeAnswer;
  /** `SIGSEGV`, `exit code 3`, `timeout`. */
  ended?: string;
  stderr: string;
}
