import { describe, expect, it } from 'vitest';
import {
  availableDetail,
  checkpointFacts,
  downloadChoice,
  downloadState,
  imageTimeLong,
  imageTimeShort,
  licenceQuestion,
  recommendedDownload,
  removalQuestion,
} from '../../../../extension/host/views/checkpointText';
import { uriList } from '../../../../extension/host/views/droppedPaths';
import { type CheckpointInfo, type KnownCheckpoint, type MemoryTerms } from '../../../../extension/protocol/engine';

const terms = (total: number): MemoryTerms => ({ weights: total / 2, working: total / 4, kept: total / 4, total });
const checkpoint: CheckpointInfo = {
  id: 'sd15',
  title: 'Stable Diffusion 1.5',
  sha256: 'a'.repeat(64),
  size: 4.27e9,
  precision: 'fp32',
  pictureSize: 512,
  domains: [],
  builtIn: false,
  licence: 'CreativeML Open RAIL-M',
  defaults: {},
  memory: { cpu: terms(7e9), gpu: terms(5.5e9), machine: 16e9 },
  disk: { freed: 140e6, shared: 4.1e9 },
};
const known: KnownCheckpoint = {
  name: 'sd15-fp16',
  title: 'Stable Diffusion 1.5, float16',
  description: 'Half the size.',
  licence: { id: 'x', title: 'The Licence', url: 'https://x.example', summary: ['Do.', "Don't."] },
  precision: 'fp16',
  exporter: 'diffusers',
  source: 'https://hub.example/a/b',
  revision: 'main',
  pictureSize: 512,
  notes: [],
  bytes: 2e9,
  exact: false,
  files: 11,
  digests: 0,
  doneBytes: 5e8,
  licenceAccepted: true,
  state: 'paused',
};

describe('what is said of a checkpoint', () => {
  it('names size, precision, memory, licence and digest', () => {
    const facts = checkpointFacts(checkpoint).join('\n');
    expect(facts).toContain('512 × 512 pixels, fp32, 4.27 GB');
    expect(facts).toContain(
      'about 7.00 GB of memory on the processor (3.50 GB for weights), or about 5.50 GB on a GPU',
    );
    expect(facts).toContain('CreativeML Open RAIL-M');
    expect(facts).toContain('a'.repeat(64));
    expect(facts).not.toContain('more than');
  });

  it('says when the machine has too little memory', () => {
    const small = { ...checkpoint, memory: { ...checkpoint.memory!, machine: 4e9 } };
    expect(checkpointFacts(small).join('\n')).toContain("more than this machine's 4.00 GB");
  });

  it('explains before it is removed what hard links keep', () => {
    const { message, detail } = removalQuestion(checkpoint);
    expect(message).toContain('Stable Diffusion 1.5');
    expect(detail).toMatch(
      /frees 140\.0 MB\. Another 4\.10 GB are hard links to the folder.*does not change that folder/,
    );
    expect(removalQuestion({ ...checkpoint, disk: { freed: 4e9, shared: 0 } }).detail).toBe(
      'Removing it frees 4.00 GB.',
    );
  });

  it('names the file that it reads its weights from, which stays; a downloaded one goes with the checkpoint', () => {
    const own = { ...checkpoint, weights: ['/models/x.safetensors'], disk: { freed: 4e6, shared: 0 } };
    expect(checkpointFacts(own).join('\n')).toContain('from /models/x.safetensors, which stays where it is');
    expect(removalQuestion(own).detail).toBe('Removing it frees 4.0 MB. Weft does not change /models/x.safetensors.');
    const downloaded = { ...own, origin: { source: 'https://hub.example/a/b', revision: 'main' } };
    expect(removalQuestion(downloaded).detail).toBe('Removing it frees 4.0 MB.');
  });

  it('says when it predicts velocity', () => {
    expect(checkpointFacts({ ...checkpoint, prediction: 'v_prediction' }).join('\n')).toContain('v-prediction');
  });
});

describe('what is said of a download', () => {
  it('how far it is, paused and running', () => {
    expect(downloadState(known, undefined)).toBe('paused at 25 % of 2.00 GB');
    expect(downloadState({ ...known, state: 'downloading' }, undefined)).toContain('another window');
    expect(downloadState(known, { phase: 'downloading', bytes: 1e9, total: 2e9, bytesPerSecond: 1e7 })).toBe(
      '50 % of 2.00 GB, 10.0 MB/s, 2 min left',
    );
    expect(downloadState(known, { phase: 'importing', bytes: 2e9, total: 2e9 })).toBe('importing');
  });

  it('in the picker: size, precision, licence, and what is there', () => {
    expect(downloadChoice(known)).toEqual({
      label: 'Stable Diffusion 1.5, float16',
      description: 'sd15-fp16 · fp16 · about 2.00 GB · paused at 25 % of 2.00 GB',
      detail: 'Half the size. The Licence.',
    });
  });

  it('with its licence, and whether its files can be checked', () => {
    const { message, detail } = licenceQuestion(known);
    expect(message).toMatch(/under the The Licence.*about 2\.00 GB/);
    expect(detail).toMatch(/• Do\.\n• Don't\.[\s\S]*hub\.example[\s\S]*how many files it could not check/);
    expect(detail).toContain(`From ${known.source}.`);
    // What a setting puts in its place, and what its name meant.
    expect(licenceQuestion(known, 'https://mirror.example').detail).toContain(
      `From ${known.source}, downloaded from the mirror https://mirror.example.`,
    );
    expect(licenceQuestion({ ...known, replaces: 'https://old.example/a/b' }).detail).toContain(
      'Until now the name "sd15-fp16" referred to https://old.example/a/b',
    );
    expect(licenceQuestion({ ...known, digests: 11 }).detail).toContain(
      "Every file is checked against its publisher's SHA-256",
    );
  });
});

it('reads a dropped list of addresses', () => {
  expect(uriList('# two\r\nfile:///a%20b\r\nfile:///c\r\n\r\n')).toEqual(['file:///a%20b', 'file:///c']);
});

describe('what can be downloaded', () => {
  const absent: KnownCheckpoint = { ...known, state: 'absent' };
  const other: KnownCheckpoint = { ...absent, name: 'other', exact: true, bytes: 4.27e9, precision: 'fp32' };

  it('shows the size, and which one suits this machine', () => {
    const best = recommendedDownload([absent, other], 16e9);
    expect(availableDetail(absent, best)).toBe('recommended · about 2.00 GB · fp16 · 512²');
    expect(availableDetail(other, best)).toBe('4.27 GB · fp32 · 512²');
  });

  it('recommends none that the machine has no memory for, or that is there', () => {
    expect(recommendedDownload([absent, other], 4e9)).toBeUndefined();
    expect(recommendedDownload([{ ...absent, state: 'installed' }, other], 16e9)).toBeUndefined();
    expect(recommendedDownload([], 16e9)).toBeUndefined();
  });
});

describe('how long an image takes', () => {
  it('is told with where it was measured, and on how many images', () => {
    const one = { seconds: 3.14, provider: 'cpu', images: 1 };
    expect(imageTimeShort(one)).toBe('about 3.1 s an image');
    expect(imageTimeLong(one)).toBe('The last image took 3.1 s on CPU, by Run History.');
    expect(imageTimeLong({ ...one, seconds: 310, images: 5 })).toBe(
      'An image takes about 5 min 10 s on CPU, by Run History (the median of the last 5, whatever their steps).',
    );
  });
});
