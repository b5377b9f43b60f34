import { type NodeState } from '../../extension/protocol/engine';
import { type NodeStatus } from '../../extension/protocol/studio';
import { useStudio } from '../model/store';
import { timeLeft } from '../model/stepMaths';

export function useNodeState(id: string): NodeState | 'idle' {
  return useStudio((state) => state.run?.nodes[id]?.state ?? 'idle');
}

/** The state in words, short enough for a node's face. */
export function statusWords(status: NodeStatus | undefined): string {
  if (!status) return '';
  switch (status.state) {
    case 'running':
      return runningWords(status);
    case 'muted':
      return '';
    default:
      return status.state;
  }
}

function runningWords({ step, total, secondsLeft }: NodeStatus): string {
  if (step === undefined || !total) return 'running';
  const left = secondsLeft === undefined ? '' : ` · ${timeLeft(secondsLeft)}`;
  return `step ${step} / ${total}${left}`;
}

/** The second line of a node's head: its type, its state in words and, while it runs, a bar. */
export function NodeStatusLine(props: { id: string; title: string; known: boolean; muted: boolean }) {
  const status = useStudio((state) => state.run?.nodes[props.id]);
  const words = props.muted ? 'muted' : statusWords(status);
  const running = status?.state === 'running';
  const share = running && status.total ? Math.min(1, (status.step ?? 0) / status.total) : undefined;
  return (
    <>
      <span className="node-subtitle" data-testid={`status-${props.id}`} data-state={status?.state ?? 'idle'}>
        {!running && <span className="node-type">{props.known ? props.title : `unknown type ${props.title}`}</span>}
        {words && <span className="node-state">{words}</span>}
      </span>
      {running && (
        <span
          className={share === undefined ? 'node-progress busy' : 'node-progress'}
          role="progressbar"
          aria-label={`Progress of ${props.id}`}
          aria-valuemin={0}
          aria-valuemax={100}
          aria-valuenow={share === undefined ? undefined : Math.round(share * 100)}
        >
          <span style={{ transform: `scaleX(${share ?? 1})` }} />
        </span>
      )}
    </>
  );
}
