import { studioCommands } from '../../protocol/studio';
import { type Command } from './command';

/** Commands that the webview carries out: in the palette, so that each can be found and bound to a key. */
export const canvasCommands: readonly Command[] = studioCommands.map((command) => ({
  id: `weft.canvas.${command}`,
  run: ({ sessions }) => sessions.command(command),
}));
