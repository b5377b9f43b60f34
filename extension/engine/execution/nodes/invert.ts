import { createHash } from 'node:crypto';
import * as path from 'node:path';
import { promptText, type PlannedNode } from '../../../graph';
import { graphError, rethrowAt } from '../../../protocol/errors';
import { sizeText } from '../../../protocol/size';
import { NoiseMemory } from '../../pipeline/noiseMemory';
import { Trajectory } from '../../pipeline/trajectory';
import { FREEU_OFF } from '../../diffusion/unet';
import { type Execution, type Executor } from '../context';
import { optionalInput, requiredInput } from '../inputs';
import { pictureAt } from '../pictures';
import { scheduleSettings } from '../settings';
import { type InversionValue, type PromptValue, type ScheduleValue } from '../values';

const noises = new NoiseMemory();
/** What is kept of it. */
export const recentNoise = noises.recent;

export const invert: Executor = async ({ node, context }) => {
  const inversion = context.inversions.get(node.id)!;
  const { trajectory, checkpoint } = inversion;
  let stepped = false;
  await trajectory.invert(context.demandOf(trajectory), {
    unet: () => checkpoint.unet(),
    signal: context.signal,
    trace: context.injected.trajectoryTrace,
    onStep: (_trajectory, frame) => {
      stepped = true;
      // Counted as the timeline does, also where some steps were kept.
      context.progress(node.id, frame.step + 1, trajectory.length);
      context.previews.push(node.id, checkpoint, trajectory.length, frame);
    },
  });
  // A path that was kept shows its end: the node would look as if it had not run.
  if (!stepped) {
    const frame = await trajectory.lastFrame();
    if (frame) context.previews.push(node.id, checkpoint, trajectory.length, frame);
  }
  await context.previews.drawn();
  return { outputs: { inversion }, computed: trajectory.computed };
};

invert.prepare = async (executions) => {
  const { context } = executions[0]!;
  for (const execution of executions) context.addInversion(await createInversion(execution));
  const previews = context.options.previewEvery > 0;
  for (const { checkpoint } of context.inversions.values()) {
    // The encoder is open, and between the steps each of its calls would wait for one. Drawing tells of what goes wrong.
    if (previews) await checkpoint.previews.map(context.store).catch(() => {});
    context.signal.throwIfAborted();
    // Before a large UNet opens: its weights can take their place.
    await checkpoint.idle('textEncoder');
    await checkpoint.idle('vaeEncoder');
  }
};

/** The inversion of an invert node, not computed yet: its picture's latents, its prompt's embedding, its noise and its key. */
async function createInversion(execution: Execution): Promise<InversionValue> {
  const { node, context } = execution;
  const { store, injected } = context;
  const imageNode = node.inputs['image']![0]!.node;
  const image = requiredInput(execution, 'image', 'image');
  const { checkpoint, freeu = FREEU_OFF } = requiredInput(execution, 'checkpoint', 'checkpoint');
  const prompt = optionalInput(execution, 'prompt', 'prompt') ?? impliedPrompt(node);
  const schedule = optionalInput(execution, 'schedule', 'schedule') ?? impliedSchedule(node);

  const unread = await checkpoint.unread(prompt.text);
  if (unread !== '') {
    const read = checkpoint.prepared.textEncoder.contextLength - 2;
    const what = unread.length > 60 ? `${unread.slice(0, 59)}…` : unread;
    const where = node.inputs['prompt']?.[0]?.node ?? node.id;
    context.warn(
      where,
      `The text encoder reads ${read} tokens of a prompt. From "${what}" on it has no effect: shorten it.`,
    );
  }

  const { size } = checkpoint;
  const rgb = await pictureAt(image, size).catch(rethrowAt(imageNode));
  const digest = createHash('sha256').update(rgb).digest();
  // What was never encoded was never inverted either.
  const needsUnet = (): void => checkpoint.warmIfSmall('unet');
  const x0 = injected.x0?.(imageNode) ?? (await checkpoint.encode(rgb, store, needsUnet));
  const { knows, title } = checkpoint.prepared;
  const name = image.from === 'file' ? path.basename(image.file) : `The image of ${imageNode}`;
  if (knows && !injected.x0 && (await checkpoint.difference(rgb, x0, store)) > knows.difference)
    context.unfit(
      imageNode,
      `${name} does not look like what ${title} knows (${knows.pictures}): the result will be a blur. ` +
        'For photographs, use another checkpoint, such as sd15 (2.1 GB: weft models download sd15).',
    );
  const embed = async (text: string): Promise<Float32Array> =>
    injected.context?.(text) ?? (await checkpoint.embed(text, store, prompt.clipSkip));
  const trajectory = new Trajectory(
    {
      x0,
      // The same bytes in another shape are another picture.
      imageDigest: `${digest.toString('hex')} ${sizeText(size)}`,
      noise: (timestep) =>
        injected.noise?.(imageNode, timestep) ??
        noises.noise({ seed: schedule.seed, imageDigest: digest, timestep, length: x0.length }),
      promptEmbeds: await embed(prompt.text),
      emptyPromptEmbeds: await embed(''),
      prompt: prompt.text,
      clipSkip: prompt.clipSkip,
      seed: schedule.seed,
      steps: schedule.steps,
      skip: schedule.skip,
      spacing: schedule.spacing,
      noiseMaps: schedule.noiseMaps,
      guidanceScale: node.params['guidanceScale'] as number,
      freeu,
      fingerprint: checkpoint.fingerprint,
      given: injected.inversion?.(imageNode),
    },
    checkpoint.scheduler(schedule),
    store,
  );
  return {
    kind: 'inversion',
    node: node.id,
    picture: { rgb, ...size },
    trajectory,
    checkpoint,
    prompt,
    schedule,
    freeu,
  };
}

/** An unwired prompt: the checkpoint's default domain, where it has any. */
function impliedPrompt(node: PlannedNode): PromptValue {
  const params = node.implied['prompt'] ?? {};
  const text = promptText(params);
  if (!text) {
    throw graphError(
      `${node.id} has no prompt, and its checkpoint has no default one: wire a prompt node to it.`,
      node.id,
    );
  }
  return { kind: 'prompt', text, domain: String(params['domain'] ?? ''), clipSkip: params['clipSkip'] as number };
}

/** An unwired schedule: the checkpoint's own. */
function impliedSchedule(node: PlannedNode): ScheduleValue {
  return { kind: 'schedule', ...scheduleSettings(node.implied['schedule'] ?? {}, node.id) };
}
