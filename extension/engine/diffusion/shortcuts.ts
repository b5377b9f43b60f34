/**
 * What need not be computed. Every shortcut gives the numbers of the long way to rounding, and each can be turned off, so that a test
 * can walk the long way too. They are no settings: a graph can't name them, and no key depends on them.
 */
export interface Shortcuts {
  /** The skipped steps and the last one are not inverted: nothing reads their noise maps. */
  invertsOnlyWhatIsRead: boolean;
  /** Steps of an inversion, and of a reference pass whose path is known, share UNet calls. */
  batches: boolean;
  /** Prompt and empty prompt of an inverted step share a call. */
  promptsTogether: boolean;
  /** An inversion at guidance 1 is the reference pass, which then costs nothing. */
  retraces: boolean;
  /** Keys and values of the reference pass are kept (memory, then disk); else each step that reads them computes them with a row of its own. */
  keepsKeyValues: boolean;
  /** The reference pass of a picture ends with the last step that reads anything of it. */
  endsWithLastUse: boolean;
  /** The output's two predictions share the encoder, and the decoder up to the first swapped attention. */
  sharesHalves: boolean;
  /** The output is the structure until something acts on it. */
  startsAsStructure: boolean;
  /** The output goes on at the first step that a change touches. */
  resumes: boolean;
  /** Where swap guidance is 1, the prediction without swap has no weight and is not made. */
  onePredictionAtGuidanceOne: boolean;
  /** Maps that contrast acts on are made in slices of the queries. */
  slicesContrast: boolean;
  /** Swapped layers without contrast run as one fused operator; else their maps are made in whole, like those with contrast. */
  fusesAttention: boolean;
}

export const ALL_SHORTCUTS: Readonly<Shortcuts> = {
  invertsOnlyWhatIsRead: true,
  batches: true,
  promptsTogether: true,
  retraces: true,
  keepsKeyValues: true,
  endsWithLastUse: true,
  sharesHalves: true,
  startsAsStructure: true,
  resumes: true,
  onePredictionAtGuidanceOne: true,
  slicesContrast: true,
  fusesAttention: true,
};
