import cliProgress from 'cli-progress';
import { type EngineEvent } from '../protocol/engine';
import { plainLine } from '../protocol/foreignText';
import { tell } from './terminal';

/** Progress on stderr: a bar on a terminal, lines elsewhere. */
export class Progress {
  private bar: cliProgress.SingleBar | undefined;
  private readonly states = new Map<string, string>();
  private nodes = 0;
  /** The last ten per cent of a download that were told. */
  private tenth = 0;

  constructor(private readonly terminal = process.stderr.isTTY === true) {}

  readonly show = (event: EngineEvent): void => {
    switch (event.event) {
      case 'run.started':
        this.nodes = event.nodes.length;
        break;
      case 'node':
        this.node(event);
        break;
      case 'warning':
        this.line(`${event.node}: ${event.message}`);
        break;
      case 'download':
        this.download(event);
        break;
      case 'log':
        if (event.level !== 'info' || this.terminal) this.line(event.message);
        break;
    }
  };

  stop(): void {
    this.bar?.stop();
    this.bar = undefined;
  }

  private node({ node, state, step, total, secondsLeft }: Extract<EngineEvent, { event: 'node' }>): void {
    const finished = state === 'done' || state === 'cached';
    if (finished) this.states.set(node, state);
    if (this.terminal) {
      this.bar ??= this.startBar();
      this.bar.update(this.states.size + (!finished && total ? (step ?? 0) / total : 0), {
        what: plainLine(
          total ? `${node} ${step}/${total}${secondsLeft ? `, ${Math.ceil(secondsLeft)} s left` : ''}` : node,
        ),
      });
      return;
    }
    // Nodes that only put a record together say nothing; the others are told when they are done, and at every quarter.
    if (finished) this.line(`${node}: ${state}`);
    else if (step && total && step < total && step % Math.max(1, Math.ceil(total / 4)) === 0)
      this.line(`${node}: step ${step}/${total}`);
  }

  private download({
    name,
    phase,
    file,
    bytes,
    total,
    bytesPerSecond,
  }: Extract<EngineEvent, { event: 'download' }>): void {
    const percent = Math.min(100, Math.floor((100 * bytes) / total));
    const left = bytesPerSecond === undefined ? '' : `, ${timeText((total - bytes) / bytesPerSecond)} left`;
    if (this.terminal) {
      this.nodes = total;
      this.bar ??= this.startBar();
      this.bar.update(Math.min(bytes, total), {
        what: plainLine(
          phase === 'importing'
            ? `${name}: importing`
            : `${percent} % of ${(total / 1e6).toFixed(0)} MB, ${((bytesPerSecond ?? 0) / 1e6).toFixed(1)} MB/s${left}  ${file}`,
        ),
      });
      return;
    }
    if (phase === 'importing') this.line(`${name}: downloaded, importing`);
    else if (percent >= this.tenth + 10) {
      this.tenth = percent - (percent % 10);
      this.line(`${name}: ${this.tenth} %${left}`);
    }
  }

  private startBar(): cliProgress.SingleBar {
    const bar = new cliProgress.SingleBar({
      stream: process.stderr,
      format: '[{bar}] {what}',
      hideCursor: true,
      clearOnComplete: true,
      barsize: 30,
    });
    bar.start(this.nodes, 0, { what: '' });
    return bar;
  }

  private line(text: string): void {
    this.bar?.stop();
    this.bar = undefined;
    tell(`${text}\n`);
  }
}

function timeText(seconds: number): string {
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  return seconds < 5400 ? `${Math.ceil(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}
