import { withVestibule } from "@vestibule/next/config";

export default withVestibule();
