import * as path from 'node:path';
import { Tokenizer } from '@huggingface/tokenizers';
import { checkpointError } from '../../protocol/errors';
import { readModelJson, readModelText } from './modelText';
import { type PromptTokenizer, type TokenizedPrompt } from './types';

type Json = Record<string, unknown>;

/** Files of a tokenizer, of which a folder has some: tokenizer.json, or vocab.json with merges.txt. */
export const TOKENIZER_FILES = [
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'vocab.json',
  'merges.txt',
];

/** A special token's text, which configurations write as a string or as an object. */
function contentOf(token: unknown): string | undefined {
  if (typeof token === 'string') return token;
  const content = (token as { content?: unknown } | null | undefined)?.content;
  return typeof content === 'string' ? content : undefined;
}

/** CLIP's tokenizer from the two files of the slow one, as the fast one would be saved. */
function clipTokenizer(vocab: Record<string, number>, merges: string): Json {
  const begin = '<|startoftext|>';
  const end = '<|endoftext|>';
  const special = (content: string) => ({
    id: vocab[content],
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  });
  if (vocab[begin] === undefined || vocab[end] === undefined)
    throw checkpointError(`The tokenizer's vocab.json lacks ${begin} or ${end}: it is not CLIP's tokenizer.`);
  const pattern =
    "<\\|startoftext\\|>|<\\|endoftext\\|>|'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+";
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: [special(begin), special(end)],
    normalizer: {
      type: 'Sequence',
      normalizers: [
        { type: 'NFC' },
        { type: 'Replace', pattern: { Regex: '\\s+' }, content: ' ' },
        { type: 'Lowercase' },
      ],
    },
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        { type: 'Split', pattern: { Regex: pattern }, behavior: 'Removed', invert: true },
        { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
      ],
    },
    post_processor: {
      type: 'RobertaProcessing',
      sep: [end, vocab[end]],
      cls: [begin, vocab[begin]],
      trim_offsets: false,
      add_prefix_space: false,
    },
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: end,
      continuing_subword_prefix: '',
      end_of_word_suffix: '</w>',
      fuse_unk: false,
      byte_fallback: false,
      vocab,
      merges: merges
        .split(/\r?\n/)
        .filter((line, i) => line.trim() !== '' && !(i === 0 && line.startsWith('#version')))
        .map((line) => line.split(' ')),
    },
  };
}

const plainWord = (word: string): string => word.toLowerCase().replace(/^[^\p{L}\p{N}]+|[^\p{L}\p{N}]+$/gu, '');

class ClipPromptTokenizer implements PromptTokenizer {
  private readonly frame: [begin: number, end: number];
  constructor(
    private readonly tokenizer: Tokenizer,
    readonly contextLength: number,
    private readonly padding: number,
  ) {
    const empty = tokenizer.encode('').ids;
    this.frame = [empty[0]!, empty.at(-1)!];
  }

  tokenize(prompt: string): TokenizedPrompt {
    const room = this.contextLength - 2;
    const inner = this.tokenizer.encode(prompt, { add_special_tokens: false }).ids;
    const ids = [this.frame[0], ...inner.slice(0, room), this.frame[1]];
    while (ids.length < this.contextLength) ids.push(this.padding);
    // Words never share tokens, so a word alone has the tokens that it has in its prompt.
    let at = 1;
    let unread = '';
    const words = prompt
      .split(/\s+/)
      .filter((text) => text !== '')
      .map((text) => {
        const count = this.tokenizer.encode(text, { add_special_tokens: false }).ids.length;
        const positions = Array.from({ length: count }, (_, i) => at + i).filter((position) => position <= room);
        at += count;
        if (positions.length < count || unread !== '') unread += `${unread === '' ? '' : ' '}${text}`;
        return { text, positions };
      });
    return { ids, words, unread };
  }

  positionsOf(prompt: string, noun: string): number[] {
    const { words } = this.tokenize(prompt);
    const wanted = noun
      .split(/\s+/)
      .map(plainWord)
      .filter((word) => word !== '');
    if (wanted.length === 0) return [];
    const found: number[] = [];
    for (let i = 0; i + wanted.length <= words.length; i++)
      if (wanted.every((word, j) => plainWord(words[i + j]!.text) === word))
        found.push(...words.slice(i, i + wanted.length).flatMap((word) => word.positions));
    return [...new Set(found)];
  }
}

/**
 * The tokenizer of a checkpoint's tokenizer folder.
 * @param contextLength L: ids that the text encoder reads.
 * @throws WeftError `checkpoint` if files are missing or damaged.
 */
export async function loadTokenizer(folder: string, contextLength: number): Promise<PromptTokenizer> {
  const config = readModelJson(path.join(folder, 'tokenizer_config.json')) ?? {};
  const map = readModelJson(path.join(folder, 'special_tokens_map.json')) ?? {};
  let definition = readModelJson(path.join(folder, 'tokenizer.json'));
  if (definition === undefined) {
    const vocab = readModelJson(path.join(folder, 'vocab.json')) as Record<string, number> | undefined;
    const merges = readModelText(path.join(folder, 'merges.txt'));
    if (vocab === undefined || merges === undefined)
      throw checkpointError(
        'The checkpoint has no tokenizer: neither tokenizer.json nor vocab.json with merges.txt was found in its tokenizer folder.',
      );
    definition = clipTokenizer(vocab, merges);
  }
  let tokenizer: Tokenizer;
  try {
    tokenizer = new Tokenizer(definition, config);
    if (tokenizer.encode('').ids.length < 2) throw new Error('it adds no begin and end tokens');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw checkpointError(`The checkpoint's tokenizer can't be used: ${reason}.`);
  }
  const padding = definition['padding'] as { pad_id?: number } | null | undefined;
  const padToken = contentOf(config['pad_token']) ?? contentOf(map['pad_token']);
  const padId = padToken === undefined ? padding?.pad_id : (tokenizer.token_to_id(padToken) ?? padding?.pad_id);
  return new ClipPromptTokenizer(tokenizer, contextLength, padId ?? tokenizer.encode('').ids.at(-1)!);
}

/** Context length that a tokenizer's configuration states, if it states one. */
export async function statedContextLength(folder: string): Promise<number | undefined> {
  const length = readModelJson(path.join(folder, 'tokenizer_config.json'))?.['model_max_length'];
  return typeof length === 'number' && length > 2 && length < 100000 ? length : undefined;
}
