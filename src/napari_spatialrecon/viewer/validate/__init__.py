"""The tab Validate: is a method better than its baselines on truth that was held out?"""
