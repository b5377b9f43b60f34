import { FRAME_COLOURS, type FrameColour } from '../../extension/graph';

const CHOICES = [undefined, ...FRAME_COLOURS];

/** The colours of a frame side by side, as items of a menu or as one choice of several. */
export function ColourRow(props: {
  role: 'menuitemradio' | 'radio';
  value: FrameColour | 'mixed' | undefined;
  disabled: boolean;
  onChoose: (colour: FrameColour | undefined) => void;
}) {
  const { role, value, disabled, onChoose } = props;
  return (
    <div className="colour-row" role={role === 'radio' ? 'radiogroup' : 'group'} aria-label="Colour">
      {CHOICES.map((colour) => {
        const label = colour === undefined ? 'No colour' : colour[0]!.toUpperCase() + colour.slice(1);
        return (
          <button
            key={label}
            type="button"
            role={role}
            tabIndex={role === 'radio' ? 0 : -1}
            aria-label={label}
            aria-checked={colour === value}
            aria-disabled={disabled}
            title={label}
            data-colour={colour}
            data-testid={`colour-${colour ?? 'none'}`}
            onClick={() => !disabled && onChoose(colour)}
          >
            <span className="swatch" />
          </button>
        );
      })}
    </div>
  );
}
