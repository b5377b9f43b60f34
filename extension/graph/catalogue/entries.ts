import { adain } from './adain';
import { attentionSwap } from './attention-swap';
import { checkpoint } from './checkpoint';
import { compare } from './compare';
import { denoise } from './denoise';
import { evaluate } from './evaluate';
import { freeu } from './freeu';
import { guidance } from './guidance';
import { image } from './image';
import { invert } from './invert';
import { lora } from './lora';
import { maskImage } from './mask-image';
import { prompt } from './prompt';
import { save } from './save';
import { schedule } from './schedule';
import { segment } from './segment';
import { sweep } from './sweep';
import { type NodeSpec } from './types';

/** One entry for each type of node, in the order of menus and documentation. */
export const entries = {
  image,
  prompt,
  schedule,
  'mask-image': maskImage,
  checkpoint,
  freeu,
  lora,
  invert,
  segment,
  'attention-swap': attentionSwap,
  adain,
  guidance,
  denoise,
  compare,
  evaluate,
  sweep,
  save,
} satisfies Record<string, NodeSpec>;
