import { KEYS } from '../model/keys';
import { useStudio } from '../model/store';
import { Dialog } from '../ui/Dialog';
import { Facts } from '../ui/Facts';

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
            <Facts rows={keys.map(([key, what]) => [<kbd>{key}</kbd>, what])} />
          </section>
        ))}
      </div>
    </Dialog>
  );
}
