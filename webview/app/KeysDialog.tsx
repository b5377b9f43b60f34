import { KEYS } from '../model/keys';
import { useStudio } from '../model/store';
import { Dialog } from '../ui/Dialog';

/** All keys at a glance. */
export function KeysDialog() {
  const open = useStudio((state) => state.keysOpen);
  if (!open) return null;
  return (
    <Dialog title="Keys" testId="keys" onClose={() => useStudio.setState({ keysOpen: false })}>
      <div className="keys-columns">
        {KEYS.map(({ where, keys }) => (
          <section key={where}>
            <h3>{where}</h3>
            <dl className="facts">
              {keys.map(([key, what]) => (
                <div key={key} style={{ display: 'contents' }}>
                  <dt>
                    <kbd>{key}</kbd>
                  </dt>
                  <dd>{what}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Dialog>
  );
}
