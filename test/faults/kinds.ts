import { damage } from './damage';
import { type FaultKind } from './fault';
import { kill } from './kill';
import { graphs, models, pictures } from './mutations';

/** All kinds of faults, with how many trials of each the tests of every day have: two minutes in all. */
export const KINDS: readonly { kind: FaultKind; short: number }[] = [
  { kind: damage, short: 6 },
  { kind: kill, short: 3 },
  { kind: graphs, short: 6 },
  { kind: pictures, short: 4 },
  { kind: models, short: 3 },
];
