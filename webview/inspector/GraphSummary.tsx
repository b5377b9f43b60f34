import { useShallow } from 'zustand/react/shallow';
import { type Fact, Facts } from '../ui/Facts';
import { Button, Icon, Link } from '../ui/Icon';
import { type PortType } from '../../extension/graph';
import { formatSeconds } from '../../extension/protocol/numbers';
import { providerName } from '../../extension/protocol/providers';
import { TypeMark } from '../ui/TypeMark';
import { revealNode } from '../model/actions/selection';
import { postToHost } from '../model/host';
import { useStudio } from '../model/store';
import { baseName, plural, readable } from '../model/words';
import { Fixes } from './Fixes';
import { nextStep } from './nextStep';

/** Nothing is selected: the graph as a whole, its last run, what is wrong with it, what to do next. */
export function GraphSummary() {
  const fileName = useStudio((state) => state.fileName);
  const nodeCount = useStudio((state) => Object.keys(state.graph?.nodes ?? {}).length);
  const wireCount = useStudio((state) => state.edges.length);
  const checkpoints = useStudio((state) => state.checkpoints);
  return (
    <>
      <div className="inspector-head">
        <h2 data-testid="inspector-title">{baseName(fileName).replace(/\.weft\.json$/, '') || 'Graph'}</h2>
      </div>
      <p className="subtitle">
        {plural(nodeCount, 'node')}, {plural(wireCount, 'wire')}
        {checkpoints.length > 0 && ` · ${plural(checkpoints.length, 'checkpoint')} in the library`}
      </p>
      <Next />
      <LastRun />
      <GraphProblems />
      <Legend />
      <h3>Keys</h3>
      <p>
        <Link onClick={() => useStudio.setState({ keysOpen: true })}>All keys</Link> (<kbd>?</kbd>)
      </p>
    </>
  );
}

/** What the wires of this graph carry, by colour and by shape. */
function Legend() {
  const types = useStudio((state) =>
    [...new Set(state.edges.map((edge) => edge.data?.portType))].filter((type) => type !== undefined).join(' '),
  );
  if (types === '') return null;
  return (
    <>
      <h3>Wire types</h3>
      <ul className="legend" data-testid="legend">
        {(types.split(' ') as PortType[]).sort().map((type) => (
          <li key={type}>
            <TypeMark type={type} />
            {type}
          </li>
        ))}
      </ul>
    </>
  );
}

function Next() {
  const { sentence, node } = useStudio(useShallow(nextStep));
  return (
    <div className="next" data-testid="next-step">
      <p>{sentence}</p>
      {node !== undefined && (
        <Button secondary icon="target" onClick={() => revealNode(node)}>
          Go to {readable(node)}
        </Button>
      )}
    </div>
  );
}

function LastRun() {
  const last = useStudio((state) => state.run);
  const pictures = useStudio((state) => state.nodePictures);
  if (!last) return null;
  const cached = Object.values(last.nodes).filter((node) => node.state === 'cached').length;
  const facts: Fact[] = [['State', last.state === 'cancelled' ? 'stopped' : last.state]];
  if (last.seconds !== undefined) facts.push(['Time', formatSeconds(last.seconds)]);
  if (last.provider) facts.push(['Device', providerName(last.provider)]);
  if (last.unet) {
    facts.push([
      'UNet passes',
      <span key="unet" title="Each image in a batch counts as one pass, for each half of the UNet.">
        {last.unet.encoder} encoder, {last.unet.decoder} decoder
      </span>,
    ]);
  }
  if (cached > 0) facts.push(['From the cache', plural(cached, 'node')]);
  const outputs = Object.entries(pictures).filter(([, picture]) => picture.runId === last.runId);
  if (outputs.length > 0) {
    facts.push([
      'Images',
      outputs.map(([id], index) => (
        <span key={id}>
          {index > 0 && ', '}
          <Link onClick={() => revealNode(id)}>{readable(id)}</Link>
        </span>
      )),
    ]);
  }
  return (
    <>
      <h3>{last.state === 'running' || last.state === 'queued' ? 'This run' : 'Last run'}</h3>
      <Facts rows={facts} data-testid="last-run" />
      {last.message && <p className={last.state === 'failed' ? 'param-error' : 'param-help'}>{last.message}</p>}
      {last.state === 'failed' && (
        <Link onClick={() => postToHost({ type: 'fix', action: 'showOutput' })}>Show output</Link>
      )}
    </>
  );
}

function GraphProblems() {
  const problems = useStudio((state) => state.problems);
  if (problems.length === 0) return null;
  return (
    <>
      <h3>{plural(problems.length, 'problem')}</h3>
      {problems.slice(0, 12).map((problem) => {
        const { node, param } = problem;
        return (
          <p key={`${problem.offset}${problem.code}${problem.message}`} className="problem">
            <Icon name={problem.severity === 'error' ? 'error' : 'warning'} />
            <span>
              {problem.message} <Fixes problem={problem} />{' '}
              {node !== undefined ? (
                <Link onClick={() => revealNode(node, param)}>Go to {readable(node)}</Link>
              ) : (
                <Link onClick={() => postToHost({ type: 'openAsText', offset: problem.offset })}>Open as text</Link>
              )}
            </span>
          </p>
        );
      })}
    </>
  );
}
