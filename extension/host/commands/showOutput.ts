import { type Command } from './command';

export const showOutputCommand: Command = { id: 'weft.showOutput', run: ({ log }) => log.show() };
