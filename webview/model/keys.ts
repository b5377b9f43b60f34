/** Every key and gesture of the studio, for the list that `?` shows. */
export const KEYS: readonly { where: string; keys: readonly (readonly [keys: string, what: string])[] }[] = [
  {
    where: 'Canvas',
    keys: [
      ['N, double-click', 'add a node; into the selected wire'],
      ['Ctrl+F', 'find a node'],
      ['C', 'connect the selected node'],
      ['W', 'select a wire of the node; again for the next'],
      [
        'R, double-click a wire',
        'add a reroute point to the selected wire; arrows or a drag move it, Delete removes it',
      ],
      ['Enter', "edit the selected node's parameters"],
      ['V', 'view its image (or double-click it)'],
      ['F2', 'rename'],
      ['M', 'mute or unmute'],
      ['E', 'fold a node to its title, a frame into one box; unfold (or double-click the box)'],
      ['I', 'inspect the attention'],
      ['P', 'match parts of the two images'],
      ['G', 'add a frame around the selection'],
      ['Delete', 'delete the selection'],
      ['Ctrl+C, X, V, D', 'copy, cut, paste, duplicate'],
      ['Ctrl+Z, Ctrl+Y', 'undo, redo'],
      ['Arrows', 'go to the next node'],
      ['Home, End, Page Up, Page Down', 'first, last, previous, next node'],
      ['Shift+arrows', 'move the selection'],
      ['Ctrl+A', 'select all'],
      ['Shift+drag', 'select with a box'],
      ['Escape', 'select nothing'],
      ['Shift+F10, right-click', 'menu'],
    ],
  },
  {
    where: 'View',
    keys: [
      ['F', 'fit the graph'],
      ['Z', 'zoom to the selection'],
      ['+, −', 'zoom in, zoom out'],
      ['T', 'tidy the layout'],
      ['?', 'this list'],
    ],
  },
  {
    where: 'Parameters',
    keys: [
      ['Drag a number or its name', 'change it; Shift fine, Ctrl or Alt coarse, Escape cancels'],
      ['Double-click a number on a node', 'edit it; Enter takes it, Escape leaves it'],
      ['Shift+F10, right-click', 'sweep it, or reset it'],
    ],
  },
  {
    where: 'Timeline and sweeps',
    keys: [
      ['← →', 'previous, next step or cell'],
      ['Page Up, Page Down', 'ten steps'],
      ['Home, End', 'first, last step'],
      ['Space', 'play'],
      ['Enter', 'open the step, enlarge the cell'],
    ],
  },
  {
    where: 'Attention and masks',
    keys: [
      ['Arrows', 'move the point; Shift farther'],
      ['Enter, Space', 'watch the location; paint'],
      ['[ ]', 'smaller, larger brush'],
      ['Ctrl+Z, Ctrl+Y', 'undo, redo a stroke'],
      ['Escape', 'back to the graph'],
    ],
  },
  {
    where: 'Match parts',
    keys: [
      ['Tab', 'go to the next part'],
      ['Enter, click', 'choose a part, then the part of the other image'],
      ['Delete', 'match the part by attention again'],
      ['Escape', 'choose no part; back to the graph'],
    ],
  },
  {
    where: 'Pins',
    keys: [
      ['Tab', 'go to the end of a watched line, then to the circles'],
      ['Enter', 'make the end of a watched line a pin'],
      ['Arrows, drag', 'move a circle; Shift farther'],
      ['+ −, wheel', 'resize a circle'],
      ['M', 'mute or unmute'],
      ['Delete', 'delete the pin'],
      ['Escape', 'take back what is dragged; leave the pin'],
    ],
  },
];
