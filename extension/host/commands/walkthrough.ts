import { type Command } from './command';

export const walkthroughCommand: Command = {
  id: 'weft.walkthrough',
  run: ({ context, walkthrough }) => walkthrough.open(context.extension.id),
};
