const nothing = () => {};
const log = { configure: nothing, child: () => log, debug: nothing, info: nothing, warn: console.error, error: console.error };
export default log;
