// Mocha passes a rejection that nobody caught on to other listeners and forgets it. Thrown, it fails the run.
process.on('unhandledRejection', (reason) => {
  throw reason;
});
