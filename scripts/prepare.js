console.error("prepare ran", process.cwd())
