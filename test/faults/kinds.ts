import { damage } from './damage';
import { type FaultKind } from './fault';
import { kill } from './kill';

/** All kinds of faults, with how many trials of each the tests of every day have: two minutes in all. */
export const KINDS: readonly { kind: FaultKind; short: number }[] = [
  { kind: damage, short: 8 },
  { kind: kill, short: 4 },
];
