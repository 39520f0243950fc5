"""What the shipped plans call: functions and output models, like those a user would write."""
