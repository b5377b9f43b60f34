/** What all attentions of a layer share. */
export interface AttentionShape {
  heads: number;
  width: number;
  scale: number;
  /** Element type of q, k and v. */
  type: number;
}
