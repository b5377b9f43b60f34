import { type ParamSpec } from '../../extension/graph';
import { type NodeData } from '../model/flow';

/** What every control gets. `onChange` may be called for each keystroke: it is put together into edits elsewhere. */
export interface ControlProps<P extends ParamSpec = ParamSpec> {
  /** Node id. */
  node: string;
  param: P;
  value: unknown;
  data: NodeData;
  inputId: string;
  describedBy: string;
  invalid: boolean;
  disabled: boolean;
  onChange: (value: unknown) => void;
}
