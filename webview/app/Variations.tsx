import { useStudio } from '../model/store';
import { type SeedVariation } from '../model/sweeps';
import { endVariation, takeSeed } from '../model/vary';
import { readable } from '../model/words';
import { Dialog } from '../ui/Dialog';

/** Four seeds side by side as they are made; a click takes one. */
export function Variations() {
  const variation = useStudio((state) => state.variation);
  if (!variation) return null;
  return (
    <Dialog title={`Four seeds for ${readable(variation.image.node)}`} testId="variations" onClose={endVariation}>
      <div className="variations" role="group" aria-label="Results">
        {variation.seeds.map((seed, column) => (
          <Result key={seed} variation={variation} seed={seed} column={column} />
        ))}
      </div>
      <State />
    </Dialog>
  );
}

function Result({ variation, seed, column }: { variation: SeedVariation; seed: number; column: number }) {
  const cell = useStudio((state) => state.sweeps[variation.sweep]?.cells[`0/${column}`]);
  const running = useStudio((state) => state.running);
  const name = `Seed ${seed}`;
  if (cell?.url) {
    return (
      <button
        type="button"
        className="variation"
        aria-label={`Use seed ${seed}`}
        title={`Use seed ${seed}`}
        data-testid={`variation-${column}`}
        onClick={() => takeSeed(variation, seed)}
      >
        <img src={cell.url} alt="" draggable={false} />
        <span>{name}</span>
      </button>
    );
  }
  const waits = running && cell?.state !== 'failed';
  return (
    <div className="variation">
      <span className="variation-place">
        <span
          className={`codicon codicon-${waits ? 'loading codicon-modifier-spin' : 'circle-slash'}`}
          aria-hidden="true"
        />
        {cell?.message}
      </span>
      <span>{name}</span>
    </div>
  );
}

/** What became of the run, and what to do. */
function State() {
  const running = useStudio((state) => state.running);
  const message = useStudio((state) => (state.run?.state === 'failed' ? state.run.message : undefined));
  return (
    <p className={message === undefined ? 'muted-text' : 'param-error'} role="status">
      {message ??
        (running
          ? 'Running. Closing stops the run.'
          : 'Click a result to use its seed. The graph stays as it is until you do.')}
    </p>
  );
}
