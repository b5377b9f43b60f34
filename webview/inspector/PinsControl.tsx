import { pinsOf, type PinsParam, pinsWords } from '../../extension/graph';
import { resetParam } from '../model/actions/params';
import { type ControlProps } from '../ui/controlProps';
import { Button } from '../ui/Icon';

/** The pins of a swap as text, and a way to remove them all. */
export function PinsControl({ node, param, value, inputId, describedBy, disabled }: ControlProps<PinsParam>) {
  const pins = pinsOf(value);
  if (pins.length === 0) return <p className="note">No pins</p>;
  return (
    <>
      <ol aria-labelledby={inputId} aria-describedby={describedBy} data-testid={`pins-${param.name}`}>
        {pins.map((pin, index) => (
          <li key={index}>{pinsWords([pin])}</li>
        ))}
      </ol>
      <Button
        secondary
        disabled={disabled}
        data-testid={`clear-${param.name}`}
        onClick={() => resetParam(node, param.name)}
      >
        Remove all pins
      </Button>
    </>
  );
}
