import { formatBytes, removalQuestion } from '../views/checkpointText';
import { type CheckpointItem } from '../views/checkpointsView';
import { type CheckpointInfo } from '../../protocol/engine';
import { ensureTrusted } from '../trust';
import { ask, notify, withNotification } from '../window';
import { type Command } from './command';
import { knownOf } from './downloadCheckpoint';

const TRUST = 'Weft verifies and removes checkpoints only in folders you trust.';

const checkpointOf = (value: unknown): CheckpointInfo | undefined =>
  typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'checkpoint'
    ? (value as CheckpointItem & { kind: 'checkpoint' }).checkpoint
    : undefined;

export const refreshCheckpointsCommand: Command = {
  id: 'weft.checkpoints.refresh',
  run: ({ checkpoints }) => checkpoints.refresh(),
};

export const verifyCheckpointCommand: Command = {
  id: 'weft.checkpoints.verify',
  async run({ checkpoints }, item) {
    const checkpoint = checkpointOf(item);
    if (!checkpoint || !(await ensureTrusted(TRUST))) return;
    const { files, bytes } = await withNotification(`Weft: verifying ${checkpoint.title}`, () =>
      checkpoints.verify(checkpoint.id),
    );
    void notify.information(
      `${checkpoint.title}: all ${files} files (${formatBytes(bytes)}) match their digests, and onnxruntime opens them.`,
    );
  },
};

export const removeCheckpointCommand: Command = {
  id: 'weft.checkpoints.remove',
  async run({ checkpoints }, item) {
    const checkpoint = checkpointOf(item);
    if (!checkpoint || !(await ensureTrusted(TRUST))) return;
    const remove = 'Remove';
    const answer = await ask.warning(removalQuestion(checkpoint), remove);
    if (answer !== remove) return;
    const freed = await checkpoints.remove(checkpoint.id);
    void notify.information(`${checkpoint.title} was removed: ${formatBytes(freed)} freed.`);
  },
};

/** Of a paused download: forgets what came. */
export const discardDownloadCommand: Command = {
  id: 'weft.checkpoints.discard',
  async run({ checkpoints }, item) {
    const known = knownOf(item);
    if (!known || !(await ensureTrusted(TRUST))) return;
    const discard = 'Discard';
    const answer = await ask.warning(
      {
        message: `Discard the partial download of ${known.title}?`,
        detail: `This frees ${formatBytes(known.doneBytes)}. A later download starts from the beginning.`,
      },
      discard,
    );
    if (answer === discard) await checkpoints.discard(known.name);
  },
};
